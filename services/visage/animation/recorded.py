"""Controls on a face that was recorded: strengths, gains and offsets count, life is not added."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls, Strengths
from visage.media.arkit import CURVE_NAMES

Array = NDArray[np.float32]

_UPPER, _LOWER, _GAZE = 0, 1, 3
_UPPER_FACE: Final = ("Eye", "Brow", "Cheek")


def _part_of(name: str) -> int:
    if name.startswith("EyeLook"):
        return _GAZE
    return _UPPER if name.startswith(_UPPER_FACE) else _LOWER


_PARTS: Final = np.array([_part_of(name) for name in CURVE_NAMES])
_ARE_BLINKS: Final = np.array([name.startswith("EyeBlink") for name in CURVE_NAMES])


def controlled(curves: Array, controls: Controls) -> Array:
    """Curves [n, 52] as the controls want them, 0..1; `head_motion` is left to whoever has the poses."""
    strengths = Strengths.of(controls)
    scales = strengths.scales[_PARTS]
    # A half-strength blink would look drowsy: lids close fully until the upper face is nearly still.
    scales[_ARE_BLINKS] = min(1.0, 2 * controls.upper_face)
    return np.asarray(np.clip(np.clip(curves * scales, 0, 1) * strengths.gains + strengths.offsets, 0, 1), np.float32)
