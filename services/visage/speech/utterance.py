"""What an engine made of a clause: sound with phonemes and words on its clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from visage.media.pcm import FloatPcm
from visage.media.phones import SILENCE
from visage.media.visemes import viseme_of
from visage.speech.prosody_track import ProsodyTrack


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme: IPA (empty for a pause), its class in `visage.media.phones`, start and end in seconds."""

    ipa: str
    phone: str
    start_s: float
    end_s: float

    @property
    def is_pause(self) -> bool:
        """Whether nobody speaks."""
        return self.phone == SILENCE


@dataclass(frozen=True, slots=True)
class Word:
    """A word: text[text_start:text_end] is what is said from `start_s` to `end_s`."""

    text: str
    start_s: float
    end_s: float
    text_start: int
    text_end: int


@dataclass(frozen=True, slots=True)
class Viseme:
    """A viseme of `visage.media.visemes` from `start_s` to `end_s`."""

    viseme: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of the caller's: its name, and when what stands behind it begins."""

    name: str
    time_s: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Phonemes, words and marks in order, and how it sounds; all may be empty.

    Marks and track are set last, when times are final: the changes of times below leave them out.
    """

    phonemes: tuple[Phoneme, ...]
    words: tuple[Word, ...]
    marks: tuple[Mark, ...] = ()
    track: ProsodyTrack | None = None

    def visemes(self) -> list[Viseme]:
        """Returns the visemes of the phonemes, neighbours of the same viseme made one."""
        joined: list[Viseme] = []
        for phoneme in self.phonemes:
            viseme = viseme_of(phoneme.phone)
            if joined and joined[-1].viseme == viseme:
                joined[-1] = replace(joined[-1], end_s=phoneme.end_s)
            else:
                joined.append(Viseme(viseme, phoneme.start_s, phoneme.end_s))
        return joined

    def within(self, first_s: float, last_s: float) -> Timing:
        """Returns the timing clamped to first_s..last_s; phonemes that vanish are left out."""

        def clamp(time_s: float) -> float:
            return min(max(time_s, first_s), last_s)

        phonemes = [replace(p, start_s=clamp(p.start_s), end_s=clamp(p.end_s)) for p in self.phonemes]
        words = [replace(w, start_s=clamp(w.start_s), end_s=clamp(w.end_s)) for w in self.words]
        return Timing(tuple(p for p in phonemes if p.end_s > p.start_s), tuple(words))

    def moved(self, offset_s: float) -> Timing:
        """Returns the timing `offset_s` later."""
        return self.warped(lambda time_s: time_s + offset_s)

    def scaled(self, factor: float) -> Timing:
        """Returns the timing with all times multiplied by `factor`."""
        return self.warped(lambda time_s: time_s * factor)

    def warped(self, warp: Callable[[float], float]) -> Timing:
        """Returns the timing with `warp`, which must not fall, applied to all times."""
        return Timing(
            tuple(replace(p, start_s=warp(p.start_s), end_s=warp(p.end_s)) for p in self.phonemes),
            tuple(replace(w, start_s=warp(w.start_s), end_s=warp(w.end_s)) for w in self.words),
        )

    def lasting_until(self, end_s: float) -> Timing:
        """Returns the timing with a pause from the last phoneme to `end_s`."""
        phonemes = list(self.phonemes)
        if phonemes and phonemes[-1].is_pause:
            phonemes[-1] = replace(phonemes[-1], end_s=end_s)
        elif phonemes and phonemes[-1].end_s < end_s:
            phonemes.append(Phoneme("", SILENCE, phonemes[-1].end_s, end_s))
        return replace(self, phonemes=tuple(phonemes))


@dataclass(frozen=True, slots=True)
class Utterance:
    """Sound of one clause, [samples] float32 in [-1, 1], and its timing; word positions are those of the clause."""

    samples: FloatPcm
    sample_rate_hz: int
    timing: Timing

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate_hz

    def speech_bounds_s(self) -> tuple[float, float]:
        """Returns where the first phoneme begins and the last one ends; the whole if there is none."""
        spoken: Sequence[Phoneme] = [p for p in self.timing.phonemes if not p.is_pause]
        if not spoken:
            return 0.0, self.duration_s
        return spoken[0].start_s, min(spoken[-1].end_s, self.duration_s)
