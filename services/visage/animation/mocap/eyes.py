"""Eye rotations as curves, for recordings that turn the eyes and leave the curves at 0."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.animation.gaze import DOWN_DEGREES, SIDEWAYS_DEGREES, UP_DEGREES
from visage.animation.mocap.columns import EYES
from visage.animation.mocap.rows import Array
from visage.media.arkit import CURVE_INDEX

LOOKS: Final = [index for name, index in CURVE_INDEX.items() if name.startswith("EyeLook")]
"""Places of the curves that turn the eyes."""
_UNMOVED: Final = 1e-3


def has_looks(values: Array) -> bool:
    """Whether the curves of [rows, columns] values turn the eyes."""
    looks = values[:, LOOKS]
    return bool((np.abs(looks[np.isfinite(looks)]) > _UNMOVED).any())


def look_by_rotation(values: Array) -> Array:
    """Returns [rows, columns] values whose EyeLook curves follow the eyes' rotations, where these are known."""
    moved = values.copy()
    left_yaw, left_pitch, right_yaw, right_pitch = values[:, EYES].T
    for side, yaw, pitch in (("Left", left_yaw, left_pitch), ("Right", right_yaw, right_pitch)):
        # The picture's right is the subject's left.
        outward = yaw if side == "Left" else -yaw
        shares = {
            "Out": outward / SIDEWAYS_DEGREES,
            "In": -outward / SIDEWAYS_DEGREES,
            "Up": pitch / UP_DEGREES,
            "Down": -pitch / DOWN_DEGREES,
        }
        for direction, share in shares.items():
            place = CURVE_INDEX[f"EyeLook{direction}{side}"]
            moved[:, place] = np.where(np.isfinite(share), np.clip(share, 0, 1), values[:, place])
    return moved
