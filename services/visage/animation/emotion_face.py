"""Felt emotions as curves: never frozen, stronger when they set in and on stressed syllables, a little uneven.

Onset, apex and decay follow Ekman & Friesen, "Felt, false and miserable smiles", 1982: an expression that is held
settles below its apex.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.dice import Dice
from visage.animation.emotion_table import FACES, MIRRORED_FACES
from visage.animation.rhythm import Beat
from visage.animation.springs import Spring
from visage.animation.ticks import TICK_S
from visage.media.arkit import CURVE_COUNT, CURVE_NAMES

Array = NDArray[np.float32]

_REGIONS: Final = ("Brow", "Eye", "Cheek", "Nose", "Mouth", "Jaw")
"""Parts of the face that waver on their own, by the first word of their curves."""
_WAVERING: Final = 0.13
_UNEVENNESS: Final = 0.07
# Seconds of a slow change of a region; parts of the face are not in step.
_WAVER_S: Final = (1.9, 1.5, 2.3, 2.9, 2.1, 2.6)
_ACCENT: Final = 0.16
_ACCENT_S: Final = 0.26
# Share by which an expression exceeds its sustained level at first, and how fast it settles.
_APEX: Final = 0.16
_SETTLING_S: Final = 2.5
_SUSTAINED: Final = 0.94


def _places() -> tuple[Array, Array]:
    """[6, 52] ones where a curve belongs to a region; [52] 1 on the left side, -1 on the right, else 0."""
    regions = np.zeros((len(_REGIONS), CURVE_COUNT), np.float32)
    sides = np.zeros(CURVE_COUNT, np.float32)
    for index, name in enumerate(CURVE_NAMES):
        for row, region in enumerate(_REGIONS):
            regions[row, index] = name.startswith(region)
        sides[index] = 1.0 if name.endswith("Left") else -1.0 if name.endswith("Right") else 0.0
    return regions, sides


_REGION_OF, _SIDE_OF = _places()


class EmotionFace:
    """Curves of the felt emotions, tick by tick."""

    def __init__(self, tick: int = 0) -> None:
        """Starts neutral, before tick `tick`."""
        self._tick = tick
        self._habit = 0.0
        self._accent = Spring(2.0)
        self._accent_left_s = 0.0
        self._accent_size = 0.0
        # A change of the seed in mid-stream must not jerk.
        self._wavers = [Spring(1.2) for _ in _REGIONS]
        self._lean = Spring(0.8)
        self._turn = Spring(0.5)
        self._has_side = False

    @property
    def side(self) -> float:
        """Which side is stronger: 0 left to 1 right."""
        return min(1.0, max(0.0, self._turn.value))

    def advance(self, dice: Dice, beat: Beat, weights: Array) -> Array:
        """[52] curves one tick later, at the strength of [10] `weights`."""
        time_s = self._tick * TICK_S
        self._tick += 1
        side = float(dice.uniforms("side", 0)[0] < 0.5)
        if not self._has_side:
            self._turn.value, self._has_side = side, True
        self._turn.advance(side)
        total = float(weights.sum())
        freshness = total - self._habit
        self._habit += freshness * TICK_S / _SETTLING_S
        accent = self._stress(beat)
        wavers = [
            spring.advance(dice.noise(f"feel-{region}", time_s, over_s))
            for region, spring, over_s in zip(_REGIONS, self._wavers, _WAVER_S, strict=True)
        ]
        lean = self._lean.advance(dice.noise("feel-lean", time_s, 3.1))
        if total < 1e-4:
            return np.zeros(CURVE_COUNT, np.float32)
        level = _SUSTAINED + _APEX * max(0.0, freshness) / max(total, 0.3) + accent
        gains = np.array([level + _WAVERING * waver for waver in wavers], np.float32) @ _REGION_OF
        gains *= 1 + np.float32(_UNEVENNESS * lean) * _SIDE_OF
        faces = FACES + (MIRRORED_FACES - FACES) * np.float32(self.side)
        curves: Array = (weights @ faces) * gains
        return curves

    def _stress(self, beat: Beat) -> float:
        """Share that stressed syllables add at the moment."""
        self._accent_left_s -= TICK_S
        if beat.accent > 0:
            self._accent_size, self._accent_left_s = _ACCENT * beat.accent, _ACCENT_S
        return self._accent.advance(self._accent_size if self._accent_left_s > 0 else 0.0)
