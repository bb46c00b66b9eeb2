"""Calibration: what the face shows at rest is taken off, so that it counts as neutral."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.animation.mocap.columns import POSE, SHAPES
from visage.animation.mocap.rows import Array
from visage.media.head_pose import angles_of, rotation_of

# A curve that rests higher has no room left; it is stretched no further than tenfold.
_HIGHEST_REST: Final = 0.9


class Neutral:
    """A face at rest: curves are rescaled so that 1 stays 1, the head turns from there."""

    def __init__(self, values: Array) -> None:
        """Takes the mean of [rows, columns] values; columns that are not known there stay as they are."""
        known = np.isfinite(values)
        counts = known.sum(axis=0)
        self._rest = np.where(known, values, 0).sum(axis=0) / np.maximum(counts, 1)
        self._rest[SHAPES] = np.clip(self._rest[SHAPES], 0, _HIGHEST_REST)

    def taken_off(self, values: Array) -> Array:
        """Returns [rows, columns] values as they count from rest; NaN stays NaN."""
        rest = self._rest
        freed = values - rest
        freed[:, SHAPES] = np.maximum(freed[:, SHAPES], 0) / (1 - rest[SHAPES])
        angles = slice(POSE.start, POSE.start + 3)
        is_turned = np.isfinite(values[:, angles]).all(axis=1)
        if is_turned.any():
            turned = rotation_of(values[is_turned, angles]) @ rotation_of(rest[angles]).T
            freed[is_turned, angles] = angles_of(turned)
        result: Array = freed.astype(np.float32)
        return result
