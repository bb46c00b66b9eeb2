"""Puts utterances behind one another on one clock: pauses, peak limit, output rate, marks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.media.phones import SILENCE, VOWELS
from visage.runtime.audio import StreamingResampler
from visage.speech.line import Mark as Place
from visage.speech.prosody_track import ProsodyTrack, measure_prosody
from visage.speech.utterance import Mark, Phoneme, Timing, Utterance

_LEAD_S: Final = 0.03
# What sounds beyond its label, such as a breathy end, is kept.
_TAIL_S: Final = 0.03
_FADE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Passage:
    """The next part of a narration: [samples] at the output rate, and timing on the clock of the whole."""

    samples: FloatPcm
    timing: Timing


class Narration:
    """Joins utterances, of one voice or several; the clock is the sound itself."""

    def __init__(self, target_rate_hz: int, *, with_track: bool = False) -> None:
        """Begins at 0 s; `with_track` measures how it sounds."""
        self._target_rate_hz = target_rate_hz
        self._with_track = with_track
        self._source_rate_hz = target_rate_hz
        self._resampler = StreamingResampler(target_rate_hz, target_rate_hz)
        self._section_s = 0.0
        self._sample_count = 0
        self._waiting: list[str] = []

    @property
    def now_s(self) -> float:
        """Seconds narrated so far."""
        return self._section_s + self._sample_count / self._source_rate_hz

    def add(self, utterance: Utterance, pause_s: float, places: tuple[Place, ...] = ()) -> Passage:
        """Returns the passage of an utterance whose words are the caller's.

        The engine's own silence around it is replaced: `pause_s` follows. A mark sounds with the first word that stands
        at its place or behind it. A few milliseconds of sound may be held back until the next call.
        """
        rate_hz = utterance.sample_rate_hz
        held = self._begin_section(rate_hz)
        begin_s, end_s = utterance.speech_bounds_s()
        first_s = max(0.0, begin_s - _LEAD_S)
        last_s = min(utterance.duration_s, end_s + _TAIL_S)
        voiced = utterance.samples[round(first_s * rate_hz) : round(last_s * rate_hz)]
        voiced = pcm.fade_edges(pcm.limit_peaks(voiced, rate_hz), round(_FADE_S * rate_hz))
        start_s = self.now_s
        timing = utterance.timing.within(first_s, last_s).moved(start_s - round(first_s * rate_hz) / rate_hz)
        samples = np.concatenate([voiced, np.zeros(round(pause_s * rate_hz), np.float32)])
        self._sample_count += len(samples)
        timing = timing.lasting_until(self.now_s)
        marks = self._marks(timing, places)
        track = self._track(samples, rate_hz, start_s, timing) if self._with_track else None
        return Passage(np.concatenate([held, self._resampler.push(samples)]), replace(timing, marks=marks, track=track))

    def pause(self, duration_s: float, places: tuple[Place, ...] = ()) -> Passage:
        """Returns silence; the marks wait for the word behind it."""
        rate_hz = self._source_rate_hz
        start_s = self.now_s
        samples = np.zeros(round(duration_s * rate_hz), np.float32)
        self._sample_count += len(samples)
        self._waiting += [place.name for place in places]
        phonemes = (Phoneme("", SILENCE, start_s, self.now_s),) if len(samples) else ()
        timing = Timing(phonemes, ())
        track = self._track(samples, rate_hz, start_s, timing) if self._with_track and len(samples) else None
        return Passage(self._resampler.push(samples), replace(timing, track=track))

    def finish(self) -> Passage:
        """Returns the sound that was held back and the marks behind the last word; call it once, last."""
        marks = tuple(Mark(name, self.now_s) for name in self._waiting)
        self._waiting = []
        return Passage(self._resampler.finish(), Timing((), (), marks))

    def _begin_section(self, rate_hz: int) -> FloatPcm:
        """Changes to a voice of another rate; returns what was held back of the one before."""
        if rate_hz == self._source_rate_hz:
            return np.zeros(0, np.float32)
        held = self._resampler.finish()
        self._section_s = self.now_s
        self._sample_count = 0
        self._source_rate_hz = rate_hz
        self._resampler = StreamingResampler(rate_hz, self._target_rate_hz)
        return held

    def _marks(self, timing: Timing, places: tuple[Place, ...]) -> tuple[Mark, ...]:
        first_s = timing.words[0].start_s if timing.words else self.now_s
        marks = [Mark(name, first_s) for name in self._waiting]
        self._waiting = []
        for place in places:
            behind = next((word.start_s for word in timing.words if word.text_start >= place.position), None)
            if behind is None:
                self._waiting.append(place.name)
            else:
                marks.append(Mark(place.name, behind))
        return tuple(marks)

    @staticmethod
    def _track(samples: FloatPcm, rate_hz: int, start_s: float, timing: Timing) -> ProsodyTrack:
        nuclei_s = [(p.start_s + p.end_s) / 2 for p in timing.phonemes if p.phone in VOWELS]
        pauses_s = [(p.start_s, p.end_s) for p in timing.phonemes if p.is_pause]
        return measure_prosody(samples, rate_hz, start_s, nuclei_s, pauses_s)
