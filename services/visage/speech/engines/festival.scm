;; What visage asks of festival; loaded by festival_worker.py, which reads what is printed here.

;; Prints a line and all that waits before it.
(define (visage_say line) (format t "%s\n" line) (fflush nil))

(define (visage_print_segment segment)
  (format t "s %s %f %s\n"
    (item.name segment) (item.feat segment "end") (item.feat segment "R:SylStructure.parent.stress")))

(define (visage_print_words token)
  (if token
    (begin
      (format t "t %s\n" (item.name token))
      (mapcar
        (lambda (word) (format t "w %f %f\n" (item.feat word "word_start") (item.feat word "word_end")))
        (item.daughters token))
      (visage_print_words (item.next token)))))

;; Speaks TEXT into the file PATH at RATE times the voice's own; prints segments and words, then "done".
(define (visage_speak text path rate)
  (set! hts_engine_params
    (append cmu_us_slt_arctic_hts::hts_engine_params (list (list "-r" rate))))
  (let ((utterance (utt.synth (eval (list 'Utterance 'Text text)))))
    (mapcar visage_print_segment (utt.relation.items utterance 'Segment))
    (visage_print_words (utt.relation.first utterance 'Token))
    (utt.save.wave utterance path 'riff)
    (visage_say "done")))

(voice_cmu_us_slt_arctic_hts)
(visage_say "ready")
