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

# Parts of the face that waver on their own, by the first word of their curves; after them, left against right.
_REGIONS: Final = ("Brow", "Eye", "Cheek", "Nose", "Mouth", "Jaw")
_SIZES: Final = (0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.07)
_WAVER_S: Final = 1.9
# A change of the seed in mid-stream must not jerk.
_CATCHING_UP: Final = 0.15
_ACCENT: Final = 0.16
_ACCENT_S: Final = 0.26
# Share by which an expression exceeds its sustained level at first, and how fast it settles.
_APEX: Final = 0.16
_SETTLING_S: Final = 2.5
_SUSTAINED: Final = 0.94
_FELT: Final = 1e-4


def _wavering() -> Array:
    """[7, 52] how far each part's wavering moves each curve, as a share of it."""
    table = np.zeros((len(_SIZES), CURVE_COUNT), np.float32)
    for index, name in enumerate(CURVE_NAMES):
        for row, region in enumerate(_REGIONS):
            table[row, index] = _SIZES[row] * name.startswith(region)
        table[-1, index] = _SIZES[-1] * (name.endswith("Left") - name.endswith("Right"))
    return table


_WAVERING: Final[Array] = _wavering()


class EmotionFace:
    """Curves of the felt emotions: `advance` for each tick, then `curves` for a run of them."""

    def __init__(self, tick: int = 0) -> None:
        """Starts neutral, before tick `tick`."""
        self._tick = tick
        self._habit = 0.0
        self._accent = Spring(2.0)
        self._accent_left_s = 0.0
        self._accent_size = 0.0
        self._wavers = (0.0,) * len(_SIZES)
        self._turn: Spring | None = None
        self._gains: list[tuple[float, ...]] = []

    def side(self, dice: Dice) -> float:
        """Which side is stronger at the next tick: 0 left to 1 right; a change takes two seconds."""
        side = float(dice.uniforms("side", 0)[0] < 0.5)
        if self._turn is None:
            self._turn = Spring(0.5)
            self._turn.value = side
        return min(1.0, max(0.0, self._turn.advance(side)))

    def advance(self, dice: Dice, beat: Beat, felt: float) -> None:
        """Goes one tick on, with emotions whose weights sum to `felt`."""
        time_s = self._tick * TICK_S
        self._tick += 1
        freshness = felt - self._habit
        self._habit += freshness * TICK_S / _SETTLING_S
        accent = self._stress(beat)
        if felt < _FELT:
            self._gains.append((0.0,) * (1 + len(_SIZES)))
            return
        targets = dice.noises("feeling", time_s, _WAVER_S, len(_SIZES))
        self._wavers = tuple(
            value + (target - value) * _CATCHING_UP for value, target in zip(self._wavers, targets, strict=True)
        )
        level = _SUSTAINED + _APEX * max(0.0, freshness) / max(felt, 0.3) + accent
        self._gains.append((level, *self._wavers))

    def curves(self, weights: Array, sides: Array) -> Array:
        """[ticks, 52] curves of the ticks since the last call, given [ticks, 10] weights and [ticks] stronger sides."""
        gains = np.array(self._gains, np.float32)
        self._gains = []
        left, right = weights @ FACES, weights @ MIRRORED_FACES
        faces = left + (right - left) * sides[:, None]
        return np.asarray(faces * (gains[:, :1] + gains[:, 1:] @ _WAVERING), np.float32)

    def _stress(self, beat: Beat) -> float:
        """Share that stressed syllables add at the moment."""
        self._accent_left_s -= TICK_S
        if beat.accent > 0:
            self._accent_size, self._accent_left_s = _ACCENT * beat.accent, _ACCENT_S
        return self._accent.advance(self._accent_size if self._accent_left_s > 0 else 0.0)
