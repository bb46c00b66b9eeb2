"""How somebody has been speaking in the last seconds, alone and against how this voice has sounded so far.

Loudness itself says nothing, since recordings are levelled, and neither does pitch, since voices differ: only spreads,
rates, brightness and changes against the voice's own past are counted.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.ticks import TICK_S

Array = NDArray[np.float32]

STATISTICS: Final = (
    "pitch",  # semitones, mean
    "pitch_range",  # semitones between the 15th and the 85th percentile
    "pitch_motion",  # mean absolute change of pitch in 0.1 s, semitones
    "level",  # dB, mean in speech
    "level_spread",  # dB, standard deviation in speech, pauses between words aside
    "rate",  # syllables per second of speech
    "tilt",  # dB above 1 kHz against below, voiced ticks
    "voiced",  # share of speech
)
UPDATE_TICKS: Final = 10
"""Ticks between two looks at the window."""
WINDOW_TICKS: Final = 200
"""What is looked at."""

_LEAST_SPEECH_TICKS: Final = 40
_LEAST_VOICED_TICKS: Final = 20
_MEMORY_S: Final = 30.0
_LEAP_SEMITONES: Final = 8.0
_MOTION_TICKS: Final = 5
_PEAK_DB: Final = 2.0
_PAUSE_DB: Final = 25.0
_PEAK_TICKS: Final = 3


class VoiceStatistics:
    """Follows a voice in steps of `UPDATE_TICKS`."""

    def __init__(self) -> None:
        """Starts without having heard anything."""
        # [WINDOW_TICKS, 5] semitones, voicing, level, tilt, speech; the newest last.
        self._window = np.zeros((WINDOW_TICKS, 5), np.float32)
        self._usual: NDArray[np.float64] | None = None
        self.heard_s = 0.0

    def update(self, features: Array, speech: Array) -> Array | None:
        """Returns [2, 8] `STATISTICS` and their rises above the voice's usual ones; None with too little in the window.

        Args:
            features: [UPDATE_TICKS, 4] of `visage.animation.voice_features`.
            speech: [UPDATE_TICKS] share of speech.
        """
        self._window = np.concatenate([self._window[UPDATE_TICKS:], np.column_stack([features, speech])])
        spoken = self._window[:, 4] > 0.5
        voiced = spoken & (self._window[:, 0] > 0)
        if spoken.sum() < _LEAST_SPEECH_TICKS or voiced.sum() < _LEAST_VOICED_TICKS:
            return None
        pitch = self._window[:, 0]
        # Octave errors are leaps that no voice makes.
        sure = voiced & (np.abs(pitch - _quantile(pitch[voiced], 0.5)) < _LEAP_SEMITONES)
        low, high = _quantile(pitch[sure], 0.15), _quantile(pitch[sure], 0.85)
        levels = self._window[spoken, 2]
        moved = sure[_MOTION_TICKS:] & sure[:-_MOTION_TICKS]
        steps = np.abs(pitch[_MOTION_TICKS:] - pitch[:-_MOTION_TICKS])[moved]
        levels = self._window[spoken, 2]
        levels = levels[levels > _quantile(levels, 0.9) - _PAUSE_DB]
        current = np.array(
            [
                pitch[sure].mean(),
                high - low,
                steps.mean() if len(steps) else 0.0,
                levels.mean(),
                levels.std(),
                self._rate(spoken),
                self._window[sure, 3].mean(),
                voiced.sum() / spoken.sum(),
            ]
        )
        usual = self._accustom(current, float((speech > 0.5).sum()) * TICK_S)
        return np.stack([current, current - usual]).astype(np.float32)

    def _rate(self, spoken: NDArray[np.bool_]) -> float:
        """Syllables per second of speech: peaks of the level that stand out."""
        level = np.where(spoken, self._window[:, 2], -90.0)
        level = np.concatenate([level[:1], 0.25 * level[:-2] + 0.5 * level[1:-1] + 0.25 * level[2:], level[-1:]])
        count = len(level) - 2 * _PEAK_TICKS
        middle = level[_PEAK_TICKS : _PEAK_TICKS + count]
        sides = [[level[_PEAK_TICKS + way * step :][:count] for step in range(1, _PEAK_TICKS + 1)] for way in (-1, 1)]
        is_highest = np.logical_and.reduce([middle >= near for side in sides for near in side])
        dips = [middle - np.minimum.reduce(side) > _PEAK_DB for side in sides]
        is_peak = is_highest & dips[0] & dips[1] & spoken[_PEAK_TICKS : _PEAK_TICKS + count]
        return float(is_peak.sum() / (spoken.sum() * TICK_S))

    def _accustom(self, current: NDArray[np.float64], spoken_s: float) -> NDArray[np.float64]:
        """The voice's usual values; what is new counts less the longer it has been heard."""
        if self._usual is None:
            self._usual = current.copy()
        self.heard_s += spoken_s
        usual = self._usual.copy()
        self._usual += (current - self._usual) * (spoken_s / min(self.heard_s + 1e-6, _MEMORY_S))
        return usual


def _quantile(values: Array, share: float) -> float:
    """The value below which `share` of the values lie; they must not be none."""
    place = int(share * (len(values) - 1))
    return float(np.partition(values, place)[place])
