"""What an engine made of a clause: sound with phonemes and words on its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from visage.media.pcm import FloatPcm
from visage.media.phones import SILENCE
from visage.media.visemes import viseme_of


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
class Timing:
    """Phonemes and words in order; both may be empty."""

    phonemes: tuple[Phoneme, ...]
    words: tuple[Word, ...]

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
        return Timing(
            tuple(replace(p, start_s=p.start_s + offset_s, end_s=p.end_s + offset_s) for p in self.phonemes),
            tuple(replace(w, start_s=w.start_s + offset_s, end_s=w.end_s + offset_s) for w in self.words),
        )

    def scaled(self, factor: float) -> Timing:
        """Returns the timing with all times multiplied by `factor`."""
        return Timing(
            tuple(replace(p, start_s=p.start_s * factor, end_s=p.end_s * factor) for p in self.phonemes),
            tuple(replace(w, start_s=w.start_s * factor, end_s=w.end_s * factor) for w in self.words),
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
