"""Process of the espeak-ng engine. Argument: the parent's pid.

libespeak-ng is licensed under the GPL, version 3 or later; it stays in this process.

Greeting: {"sample_rate_hz", "voices": [[identifier, name, gender, [[code, priority]]]]}. Request: {"text", "voice",
"rate_wpm", "pitch", "pronunciations": {character: IPA}}. Answer: {"phonemes": [[ipa, sample]], "words":
[[text_position, length, sample]]} and int16 PCM. Request: {"only_phonemes": true, "text", "voice", "pronunciations"}.
Answer: {"groups": [IPA between spaces], "positions": [text_position of a word]}.
"""

from __future__ import annotations

import sys

from visage.speech.engines.espeak_library import EspeakLibrary
from visage.speech.engines.framing import Message
from visage.speech.engines.worker_loop import Answer, serve


def open_espeak() -> tuple[Message, Answer]:
    """Loads the library; returns the greeting and what answers requests.

    Raises:
        OSError: The library is not there.
    """
    library = EspeakLibrary()
    voices = [[v.identifier, v.name, v.gender, v.languages] for v in library.voices()]

    def answer(request: Message) -> tuple[Message, bytes]:
        if request.get("only_phonemes"):
            groups, positions = library.read(request["text"], request["voice"], request["pronunciations"])
            return {"groups": groups, "positions": positions}, b""
        speech = library.speak(
            request["text"], request["voice"], request["rate_wpm"], request["pitch"], request["pronunciations"]
        )
        return {"phonemes": speech.phonemes, "words": speech.words}, bytes(speech.pcm)

    return {"sample_rate_hz": library.sample_rate_hz, "voices": voices}, answer


if __name__ == "__main__":
    serve(int(sys.argv[1]), open_espeak)
