"""Controls on a face that was recorded: strengths, gains and offsets count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls, Strengths
from visage.media.arkit import CURVE_NAMES

Array = NDArray[np.float32]

_UPPER, _LOWER, _, _GAZE = range(4)
_PART_OF: Final[Mapping[str, int]] = {"EyeLook": _GAZE, "Jaw": _LOWER, "Mouth": _LOWER, "Tongue": _LOWER}
_PARTS: Final = np.array(
    [next((part for start, part in _PART_OF.items() if name.startswith(start)), _UPPER) for name in CURVE_NAMES]
)
"""[52] which strength scales a curve."""
_LIDS: Final = np.array([name.startswith("EyeBlink") for name in CURVE_NAMES])


def channel_scales(strengths: Strengths) -> Array:
    """[52] what each curve is scaled by, before gains and offsets."""
    scales = strengths.scales[_PARTS]
    # Lids that are half as strong still close; see `visage.animation.performance`.
    return np.asarray(np.where(_LIDS, np.minimum(1, 2 * scales), scales), np.float32)


def controlled(curves: Array, controls: Controls) -> Array:
    """Curves [n, 52] as one setting wants them, 0..1; `head_motion` is left to whoever has the poses."""
    strengths = Strengths.of(controls)
    scaled = np.clip(curves * channel_scales(strengths), 0, 1)
    return np.asarray(np.clip(scaled * strengths.gains + strengths.offsets, 0, 1), np.float32)
