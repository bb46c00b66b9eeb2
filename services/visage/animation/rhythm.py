"""The rhythm of speech: when phrases start and end, which syllables stand out, how loud the voice is for its speaker.

Levels are looked at a little ahead, so that nods and brows meet the accent instead of following it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from visage.animation.ticks import TICK_S

LOOK_AHEAD_TICKS: Final = 5
"""Levels must be known this far ahead; what the lip-sync network needs as well."""
QUIET_DB: Final = -90.0

_SMOOTHING: Final = (0.1, 0.24, 0.32, 0.24, 0.1)
_ACCENT_AHEAD_TICKS: Final = 1
_ACCENT_REACH_TICKS: Final = 2
_ACCENT_RISE_DB: Final = 2.5
_ACCENT_REFRACTORY_S: Final = 0.35
_PAUSE_S: Final = 0.14
_SHORTEST_PHRASE_S: Final = 0.4
_PHRASE_END_MEMORY_S: Final = 0.5
_TYPICAL_SPEECH_DB: Final = -26.0
_FAINTEST_SPEECH_DB: Final = -45.0


@dataclass(frozen=True, slots=True)
class Beat:
    """The rhythm at one tick.

    Attributes:
        is_speaking: Inside a phrase; short gaps between words count.
        is_phrase_start: The first tick of a phrase.
        is_phrase_end: The tick at which a phrase is known to have ended, 0.14 s after it did.
        is_after_phrase: A phrase ended within the last half second.
        accent: Strength 0..1 of a syllable that stands out and peaks in a moment; else 0.
        loudness: 0 silence .. 1 as loud as this speaker's loud syllables.
        phrase: Number of phrases that have started.
    """

    is_speaking: bool
    is_phrase_start: bool
    is_phrase_end: bool
    is_after_phrase: bool
    accent: float
    loudness: float
    phrase: int


class Rhythm:
    """Follows level and speech tick by tick."""

    def __init__(self) -> None:
        """Starts in silence."""
        self._raw: deque[float] = deque([QUIET_DB] * len(_SMOOTHING), maxlen=len(_SMOOTHING))
        reach = 2 * _ACCENT_REACH_TICKS + 1
        self._smooth: deque[float] = deque([QUIET_DB] * reach, maxlen=reach)
        self._reference_db = _TYPICAL_SPEECH_DB
        self._mean_db = _FAINTEST_SPEECH_DB
        self._since_accent_s = math.inf
        self._silent_s = math.inf
        self._phrase_s = 0.0
        self._since_end_s = math.inf
        self._phrase = 0

    def look_ahead(self, level_db: float) -> None:
        """Takes the next level, `LOOK_AHEAD_TICKS` ahead of the tick that `advance` is for."""
        self._raw.append(level_db)
        smooth_db = sum(weight * level for weight, level in zip(_SMOOTHING, self._raw, strict=True))
        self._smooth.append(smooth_db)
        rise_db = smooth_db - self._reference_db
        self._reference_db += 0.08 * rise_db if rise_db > 0 else -1.5 * TICK_S
        self._reference_db = max(self._reference_db, _FAINTEST_SPEECH_DB)
        floored_db = max(smooth_db, self._reference_db - 25)
        self._mean_db += (floored_db - self._mean_db) * TICK_S / 0.5

    def advance(self, level_db: float, speech: float) -> Beat:
        """Returns the beat one tick later.

        Args:
            level_db: Level `LOOK_AHEAD_TICKS` ahead of this tick.
            speech: Share 0..1 of speech at this tick.
        """
        self.look_ahead(level_db)
        starts, ends = self._follow_phrase(speech)
        is_speaking = self._silent_s < _PAUSE_S
        return Beat(
            is_speaking=is_speaking,
            is_phrase_start=starts,
            is_phrase_end=ends,
            is_after_phrase=self._since_end_s < _PHRASE_END_MEMORY_S,
            accent=self._accent() if is_speaking else 0.0,
            loudness=max(0.0, min(1.0, 1 + (self._smooth[0] - self._reference_db) / 20)),
            phrase=self._phrase,
        )

    def _follow_phrase(self, speech: float) -> tuple[bool, bool]:
        """Whether a phrase starts or ends at this tick."""
        was_speaking = self._silent_s < _PAUSE_S
        self._since_end_s += TICK_S
        self._silent_s = 0.0 if speech > 0.5 else self._silent_s + TICK_S
        is_speaking = self._silent_s < _PAUSE_S
        if is_speaking:
            starts = not was_speaking
            self._phrase_s = TICK_S if starts else self._phrase_s + TICK_S
            self._phrase += starts
            return starts, False
        ends = was_speaking and self._phrase_s > _SHORTEST_PHRASE_S
        if ends:
            self._since_end_s = 0.0
        return False, ends

    def _accent(self) -> float:
        """Strength of a level peak that is `_ACCENT_AHEAD_TICKS` ahead, 0 if there is none."""
        self._since_accent_s += TICK_S
        peak_db = self._smooth[_ACCENT_REACH_TICKS]
        rise_db = peak_db - self._mean_db
        is_peak = peak_db >= max(self._smooth) and peak_db > self._smooth[_ACCENT_REACH_TICKS - 1]
        is_loud = rise_db > _ACCENT_RISE_DB and peak_db > self._reference_db - 8
        if not (is_peak and is_loud and self._since_accent_s > _ACCENT_REFRACTORY_S):
            return 0.0
        self._since_accent_s = 0.0
        return max(0.2, min(1.0, rise_db / 9))
