"""Puts clauses behind one another on one clock: pauses, gain, peak limit, output rate, places in the caller's text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.runtime.audio import StreamingResampler
from visage.speech.clauses import Clause, End
from visage.speech.prosody import Prosody
from visage.speech.readable_text import ReadableText
from visage.speech.utterance import Timing, Utterance, Word

_LEAD_S: Final = 0.03
_PAUSE_S: Final = {End.SENTENCE: 0.35, End.COMMA: 0.15, End.CUT: 0.04}
# What sounds beyond its label, such as a breathy end, is kept.
_TAIL_S: Final = 0.03
_FADE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Passage:
    """The next part of a narration: [samples] at the output rate, and timing on the clock of the whole."""

    samples: FloatPcm
    timing: Timing


class Narration:
    """Joins utterances of one voice; the clock is the sound itself."""

    def __init__(self, source_rate_hz: int, target_rate_hz: int, prosody: Prosody) -> None:
        self._source_rate_hz = source_rate_hz
        self._resampler = StreamingResampler(source_rate_hz, target_rate_hz)
        self._gain = np.float32(pcm.decibels_to_gain(prosody.volume_gain_db))
        self._pause_scale = min(1.0 / prosody.rate, 2.0)
        self._sample_count = 0

    def add(self, utterance: Utterance, clause: Clause, readable: ReadableText) -> Passage:
        """Returns the passage of a clause, whose readable text `utterance` speaks.

        The engine's own silence around the clause is replaced by a pause that fits how the clause ends. A few
        milliseconds of sound may be held back until the next call.
        """
        rate_hz = self._source_rate_hz
        begin_s, end_s = utterance.speech_bounds_s()
        first_s = max(0.0, begin_s - _LEAD_S)
        last_s = min(utterance.duration_s, end_s + _TAIL_S)
        voiced = utterance.samples[round(first_s * rate_hz) : round(last_s * rate_hz)] * self._gain
        voiced = pcm.fade_edges(pcm.limit_peaks(voiced, rate_hz), round(_FADE_S * rate_hz))
        pause = np.zeros(round(_PAUSE_S[clause.end] * self._pause_scale * rate_hz), np.float32)
        offset_s = self._sample_count / rate_hz - round(first_s * rate_hz) / rate_hz
        timing = utterance.timing.within(first_s, last_s).moved(offset_s)
        samples = np.concatenate([voiced, pause])
        self._sample_count += len(samples)
        timing = timing.lasting_until(self._sample_count / rate_hz)
        words = tuple(_in_callers_text(word, clause, readable) for word in timing.words)
        return Passage(self._resampler.push(samples), replace(timing, words=words))

    def finish(self) -> FloatPcm:
        """Returns the sound that was held back; call it once, last."""
        return self._resampler.finish()


def _in_callers_text(word: Word, clause: Clause, readable: ReadableText) -> Word:
    start, end = readable.span(word.text_start, word.text_end)
    return replace(word, text=clause.text[start:end], text_start=clause.start + start, text_end=clause.start + end)
