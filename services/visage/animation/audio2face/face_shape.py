"""What Audio2Face-3D's face and blend shape parameters do to finished curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.arkit import CURVE_INDEX

Array = NDArray[np.float32]

_BLINKS: Final = [CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"]]
_WIDES: Final = [CURVE_INDEX["EyeWideLeft"], CURVE_INDEX["EyeWideRight"]]
_PARTERS: Final = [
    CURVE_INDEX[f"{name}{side}"] for name in ("MouthLowerDown", "MouthUpperUp") for side in ("Left", "Right")
]
_TONGUE: Final = "Tongue"
_LOWER: Final = ("Jaw", "Mouth", "CheekPuff", _TONGUE)


@dataclass(frozen=True, slots=True, eq=False)
class FaceShape:
    """Parameters of a clip.

    Attributes:
        multipliers: [channels] applied last, with the offsets.
        offsets: [channels].
        blink_strength: Scale of blinks.
        eyelid_open_offset: -1 closes the lids, 1 opens them wide.
        lip_open_offset: Below 0 lips part less, above they part more.
        tongue_strength: Scale of the tongue.
        upper_smoothing_s: Time in which the upper face covers half of a change.
        lower_smoothing_s: The same for jaw, lips, tongue and cheek puff.
        is_clamped: Results stay within 0..1.
    """

    multipliers: Array
    offsets: Array
    blink_strength: float = 1.0
    eyelid_open_offset: float = 0.0
    lip_open_offset: float = 0.0
    tongue_strength: float = 1.0
    upper_smoothing_s: float = 0.0
    lower_smoothing_s: float = 0.0
    is_clamped: bool = False


class FaceShaper:
    """Shapes the frames of a clip in order."""

    def __init__(self, shape: FaceShape, channels: Sequence[str], frame_rate: float) -> None:
        """Starts at rest; `channels` begin with the 52 of ARKit."""
        self._shape = shape
        self._tongue = [index for index, name in enumerate(channels) if name.startswith(_TONGUE)]
        is_lower = np.array([name.startswith(_LOWER) for name in channels])
        half_s = np.where(is_lower, shape.lower_smoothing_s, shape.upper_smoothing_s)
        # Share of a change that one frame covers: y += (1 - 2^(-dt / half-life)) * (x - y).
        with np.errstate(divide="ignore"):
            self._shares = (1 - np.exp2(-1 / (frame_rate * half_s))).astype(np.float32)
        self._last: Array | None = None

    def shape(self, curves: Array) -> Array:
        """Returns [frames, channels] as the client wants them, from those of the performance."""
        shape = self._shape
        out = self._smooth(curves)
        blinks = np.clip(out[:, _BLINKS] * shape.blink_strength, 0, 1)
        lid = shape.eyelid_open_offset
        if lid < 0:
            blinks = 1 - (1 - blinks) * (1 + lid)
        elif lid > 0:
            out[:, _WIDES] = np.clip(out[:, _WIDES] + lid * (1 - blinks), 0, 1)
        out[:, _BLINKS] = blinks
        out[:, _PARTERS] = np.clip(out[:, _PARTERS] + shape.lip_open_offset, 0, 1)
        out[:, self._tongue] = np.clip(out[:, self._tongue] * shape.tongue_strength, 0, 1)
        out = out * shape.multipliers + shape.offsets
        return np.asarray(np.clip(out, 0, 1) if shape.is_clamped else out, np.float32)

    def _smooth(self, curves: Array) -> Array:
        out = curves.astype(np.float32, copy=True)
        last = out[0] if self._last is None else self._last
        for row in out:
            row[:] = last + self._shares * (row - last)
            last = row
        self._last = last.copy()
        return out
