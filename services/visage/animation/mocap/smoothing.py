"""Smoothing: of whole recordings without lag, of live ones with as little as can be."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from visage.animation.mocap.columns import COLUMN_COUNT, POSE
from visage.animation.mocap.rows import Array
from visage.media.arkit import CURVE_INDEX

# Standard deviation at full smoothing; eyes and lids move too fast for more.
_WIDEST_S: Final = 0.12
_WIDEST_EYES_S: Final = 0.03
_REACH: Final = 3.0
_EYES: Final = [index for name, index in CURVE_INDEX.items() if name.startswith(("EyeBlink", "EyeLook", "EyeWide"))]

_FASTEST_HZ: Final = 25.0
_SLOWEST_HZ: Final = 1.0
_SLOPE_HZ: Final = 1.0
# Hertz for each unit a second: what moves fast follows at once.
_EAGERNESS: Final = 6.0
_EAGERNESS_POSE: Final = 0.15


def smoothed(frames: Array, amount: float, rate_hz: float) -> Array:
    """Returns [frames, columns] after a Gaussian that looks both ways; `amount` is 0..1, 0 leaves all as it is."""
    if amount <= 0 or len(frames) < 2:
        return frames
    result = frames.copy()
    others = np.setdiff1d(np.arange(frames.shape[1]), _EYES)
    for columns, widest_s in ((others, _WIDEST_S), (np.array(_EYES), _WIDEST_EYES_S)):
        sigma = amount * widest_s * rate_hz
        if sigma < 0.1:
            continue
        reach = max(1, math.ceil(_REACH * sigma))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        kernel /= kernel.sum()
        padded = np.pad(frames[:, columns], ((reach, reach), (0, 0)), mode="edge")
        result[:, columns] = sum(weight * padded[shift : shift + len(frames)] for shift, weight in enumerate(kernel))
    return result


class LiveSmoothing:
    """A low-pass that lets go when something moves (the one-euro filter; Casiez, Roussel & Vogel, 2012)."""

    def __init__(self, amount: float) -> None:
        """Takes 0..1; 0 passes everything."""
        self._slowest_hz = _FASTEST_HZ * (_SLOWEST_HZ / _FASTEST_HZ) ** amount
        self._is_off = amount <= 0
        self._eagerness = np.full(COLUMN_COUNT, _EAGERNESS)
        self._eagerness[POSE.start :] = _EAGERNESS_POSE
        self._value: np.ndarray | None = None
        self._speed = np.zeros(COLUMN_COUNT)

    def advance(self, row: Array, step_s: float) -> Array:
        """Returns [columns] the row that comes `step_s` seconds after the one before it."""
        if self._is_off:
            return row
        if self._value is None:
            self._value = row.astype(np.float64)
            return row
        speed = (row - self._value) / step_s
        self._speed += _share(_SLOPE_HZ, step_s) * (speed - self._speed)
        cutoff_hz = self._slowest_hz + self._eagerness * np.abs(self._speed)
        self._value = self._value + _share(cutoff_hz, step_s) * (row - self._value)
        return self._value.astype(np.float32)


def _share(cutoff_hz: np.ndarray | float, step_s: float) -> np.ndarray:
    """How much of a new value counts in a low-pass with this cutoff."""
    return np.asarray(1 / (1 + 1 / (2 * math.pi * np.asarray(cutoff_hz) * step_s)))
