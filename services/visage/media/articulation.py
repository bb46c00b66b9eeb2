"""Where each phone wants the lower face: target poses, how firmly it insists, and how fast the face gives way.

A pose is a vector over `LOWER_FACE`, the 17 curves that speech moves; left and right twins move together. Values are
ARKit coefficients, 0 at rest. They were chosen by hand from phonetic descriptions and judged on rendered faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX

Array = NDArray[np.float32]

# Curve → the group of articulators that it belongs to; a group shares its dominance and its inertia.
_GROUP_OF_CURVE: Final[Mapping[str, str]] = {
    "JawOpen": "jaw",
    "JawForward": "jaw",
    "MouthClose": "close",
    "MouthFunnel": "round",
    "MouthPucker": "round",
    "MouthStretch": "spread",
    "MouthSmile": "spread",
    "MouthDimple": "spread",
    "MouthLowerDown": "open",
    "MouthUpperUp": "open",
    "MouthPress": "close",
    "MouthRollLower": "roll",
    "MouthRollUpper": "roll",
    "MouthShrugLower": "open",
    "MouthShrugUpper": "open",
    "CheekPuff": "close",
    "TongueOut": "tongue",
}

LOWER_FACE: Final[tuple[str, ...]] = tuple(_GROUP_OF_CURVE)
"""The 17 curves that speech moves, in the order of the network's head; a side is added where ARKit has two."""

LOWER_FACE_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(LOWER_FACE)}

GROUPS: Final = ("jaw", "close", "roll", "round", "spread", "open", "tongue")
GROUP_OF_CURVE: Final[NDArray[np.intp]] = np.array([GROUPS.index(group) for group in _GROUP_OF_CURVE.values()])
"""[17] position in `GROUPS`."""

ANTICIPATION_S: Final[Array] = np.array([0.050, 0.022, 0.025, 0.085, 0.070, 0.045, 0.030], np.float32)
"""[7] time constant with which a group moves towards a phone before it starts."""
CARRY_OVER_S: Final[Array] = np.array([0.055, 0.022, 0.025, 0.065, 0.060, 0.045, 0.030], np.float32)
"""[7] time constant with which a group lets go after a phone has ended."""
SMOOTHING_S: Final[Array] = np.array([0.018, 0.009, 0.011, 0.020, 0.020, 0.014, 0.014], np.float32)
"""[7] standard deviation of the final Gaussian: the group's inertia."""

DIPHTHONGS: Final[Mapping[str, tuple[str, str]]] = {
    "ey": ("e", "ih"),
    "ow": ("o", "uh"),
    "ay": ("a", "ih"),
    "aw": ("a", "uh"),
    "oy": ("ao", "ih"),
}
"""Vowels that move, as the two postures they pass through; `e`, `o` and `a` are postures only, not phone classes."""

# Columns: jaw open, jaw forward, close, funnel, pucker, stretch, smile, dimple, lower down, upper up,
# press, roll lower, roll upper, shrug lower, shrug upper, cheek puff, tongue out.
_POSES: Final[Mapping[str, tuple[float, ...]]] = {
    "sil": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "p": (0.05, 0, 0.05, 0, 0, 0, 0, 0, 0, 0, 0.35, 0.18, 0.12, 0, 0, 0.08, 0),
    "b": (0.06, 0, 0.06, 0, 0, 0, 0, 0, 0, 0, 0.30, 0.15, 0.10, 0, 0, 0.06, 0),
    "m": (0.06, 0, 0.06, 0, 0, 0, 0, 0, 0, 0, 0.25, 0.15, 0.12, 0, 0, 0, 0),
    "f": (0.09, 0, 0, 0, 0, 0, 0, 0, 0, 0.22, 0, 0.45, 0, 0.12, 0, 0, 0),
    "v": (0.10, 0, 0, 0, 0, 0, 0, 0, 0, 0.18, 0, 0.38, 0, 0.10, 0, 0, 0),
    "th": (0.16, 0, 0, 0, 0, 0.08, 0, 0, 0.22, 0.08, 0, 0, 0, 0, 0, 0, 0.28),
    "dh": (0.16, 0, 0, 0, 0, 0.06, 0, 0, 0.18, 0.06, 0, 0, 0, 0, 0, 0, 0.22),
    "t": (0.11, 0, 0, 0, 0, 0.10, 0, 0, 0.20, 0.06, 0, 0, 0, 0, 0, 0, 0),
    "d": (0.13, 0, 0, 0, 0, 0.08, 0, 0, 0.18, 0.06, 0, 0, 0, 0, 0, 0, 0),
    "n": (0.14, 0, 0, 0, 0, 0.06, 0, 0, 0.15, 0.05, 0, 0, 0, 0, 0, 0, 0),
    "s": (0.05, 0.04, 0, 0, 0, 0.22, 0.08, 0, 0.28, 0.12, 0, 0, 0, 0, 0, 0, 0),
    "z": (0.06, 0.04, 0, 0, 0, 0.20, 0.06, 0, 0.26, 0.11, 0, 0, 0, 0, 0, 0, 0),
    "sh": (0.08, 0.10, 0, 0.55, 0.25, 0, 0, 0, 0.18, 0.15, 0, 0, 0, 0, 0, 0, 0),
    "zh": (0.09, 0.10, 0, 0.52, 0.24, 0, 0, 0, 0.16, 0.14, 0, 0, 0, 0, 0, 0, 0),
    "ch": (0.08, 0.10, 0, 0.52, 0.22, 0, 0, 0, 0.18, 0.14, 0, 0, 0, 0, 0, 0, 0),
    "jh": (0.09, 0.10, 0, 0.48, 0.20, 0, 0, 0, 0.16, 0.13, 0, 0, 0, 0, 0, 0, 0),
    "k": (0.20, 0, 0, 0, 0, 0, 0, 0, 0.12, 0.04, 0, 0, 0, 0, 0, 0, 0),
    "g": (0.20, 0, 0, 0, 0, 0, 0, 0, 0.12, 0.04, 0, 0, 0, 0, 0, 0, 0),
    "ng": (0.20, 0, 0, 0, 0, 0, 0, 0, 0.10, 0.03, 0, 0, 0, 0, 0, 0, 0),
    "hh": (0.28, 0, 0, 0, 0, 0, 0, 0, 0.12, 0.05, 0, 0, 0, 0, 0, 0, 0),
    "r": (0.14, 0, 0, 0.36, 0.26, 0, 0, 0, 0.08, 0, 0, 0, 0, 0, 0, 0, 0),
    "l": (0.20, 0, 0, 0, 0, 0, 0, 0, 0.14, 0.05, 0, 0, 0, 0, 0, 0, 0.06),
    "w": (0.08, 0, 0, 0.28, 0.82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "y": (0.12, 0, 0, 0, 0, 0.25, 0.12, 0, 0.20, 0.08, 0, 0, 0, 0, 0, 0, 0),
    "iy": (0.14, 0, 0, 0, 0, 0.32, 0.22, 0.10, 0.28, 0.13, 0, 0, 0, 0, 0, 0, 0),
    "ih": (0.20, 0, 0, 0, 0, 0.20, 0.10, 0, 0.22, 0.10, 0, 0, 0, 0, 0, 0, 0),
    "e": (0.28, 0, 0, 0, 0, 0.26, 0.15, 0.06, 0.26, 0.12, 0, 0, 0, 0, 0, 0, 0),
    "eh": (0.38, 0, 0, 0, 0, 0.16, 0.08, 0, 0.26, 0.12, 0, 0, 0, 0, 0, 0, 0),
    "ae": (0.50, 0, 0, 0, 0, 0.20, 0.10, 0, 0.32, 0.16, 0, 0, 0, 0, 0, 0, 0),
    "a": (0.58, 0, 0, 0, 0, 0.08, 0, 0, 0.30, 0.14, 0, 0, 0, 0, 0, 0, 0),
    "aa": (0.62, 0, 0, 0, 0, 0, 0, 0, 0.28, 0.13, 0, 0, 0, 0, 0, 0, 0),
    "ah": (0.42, 0, 0, 0, 0, 0, 0, 0, 0.22, 0.09, 0, 0, 0, 0, 0, 0, 0),
    "ax": (0.24, 0, 0, 0, 0, 0, 0, 0, 0.16, 0.06, 0, 0, 0, 0, 0, 0, 0),
    "ao": (0.46, 0, 0, 0.42, 0.22, 0, 0, 0, 0.10, 0, 0, 0, 0, 0, 0, 0, 0),
    "o": (0.32, 0, 0, 0.46, 0.42, 0, 0, 0, 0.06, 0, 0, 0, 0, 0, 0, 0, 0),
    "uh": (0.20, 0, 0, 0.36, 0.42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "uw": (0.12, 0, 0, 0.30, 0.76, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "er": (0.22, 0, 0, 0.30, 0.18, 0, 0, 0, 0.10, 0, 0, 0, 0, 0, 0, 0, 0),
    "ux": (0.11, 0, 0, 0.26, 0.70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "oe": (0.28, 0, 0, 0.40, 0.42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
}

# Columns: jaw, close, roll, round, spread, open, tongue. Sounds made elsewhere in the mouth leave the lips alone.
_DOMINANCES: Final[Mapping[str, tuple[float, ...]]] = {
    "p b m": (1.0, 9.0, 3.0, 0.25, 0.25, 4.0, 1.0),
    "f v": (1.1, 1.0, 8.0, 0.5, 0.4, 3.0, 1.0),
    "th dh": (0.9, 1.0, 1.0, 0.3, 0.5, 1.2, 5.0),
    "t d n": (0.8, 1.0, 1.0, 0.15, 0.3, 0.7, 1.0),
    "s z": (2.0, 1.0, 1.0, 0.5, 0.9, 1.3, 1.0),
    "sh zh ch jh": (1.8, 1.0, 1.0, 2.6, 1.4, 1.3, 1.0),
    "k g ng": (0.3, 1.0, 1.0, 0.12, 0.2, 0.3, 1.0),
    "hh": (0.08, 1.0, 1.0, 0.05, 0.05, 0.08, 1.0),
    "r": (0.7, 1.0, 1.0, 1.2, 0.8, 0.7, 1.0),
    "l": (0.6, 1.0, 1.0, 0.15, 0.25, 0.6, 2.0),
    "w": (1.2, 1.0, 1.0, 3.5, 2.0, 1.5, 1.0),
    "y": (0.8, 1.0, 1.0, 0.8, 1.3, 0.9, 1.0),
    "sil": (0.55, 0.6, 1.0, 0.35, 0.35, 0.6, 1.0),
    "uw ux uh o oe ao": (1.1, 1.0, 1.0, 2.6, 1.6, 1.1, 1.0),
    "ax": (0.5, 1.0, 1.0, 0.35, 0.35, 0.5, 1.0),
    "iy e": (1.0, 1.0, 1.0, 1.3, 1.6, 1.1, 1.0),
    "ih eh ae a aa ah er": (1.1, 1.0, 1.0, 1.1, 1.0, 1.1, 1.0),
}

TARGET: Final[dict[str, Array]] = {posture: np.array(pose, np.float32) for posture, pose in _POSES.items()}
"""Posture → [17] coefficients."""
DOMINANCE: Final[dict[str, Array]] = {
    posture: np.array(row, np.float32) for postures, row in _DOMINANCES.items() for posture in postures.split()
}
"""Posture → [7] weight per group of articulators."""


def _expansion() -> Array:
    """[17, 52] ones where a lower-face curve feeds an ARKit curve."""
    matrix = np.zeros((len(LOWER_FACE), CURVE_COUNT), np.float32)
    for row, name in enumerate(LOWER_FACE):
        for twin in (name, f"{name}Left", f"{name}Right"):
            if twin in CURVE_INDEX:
                matrix[row, CURVE_INDEX[twin]] = 1
    return matrix


EXPANSION: Final[Array] = _expansion()
"""[17, 52] so that `lower_face @ EXPANSION` is in ARKit order; curves that speech leaves alone stay 0."""


def lip_opening(lower_face: Array) -> Array:
    """Visible gap between the inner lips, in arbitrary units: 0 or less is closed, an open "ah" is about 0.7.

    Args:
        lower_face: [..., 17] coefficients in the order of `LOWER_FACE`.

    Returns:
        [...] opening.
    """
    curve = {name: lower_face[..., index] for name, index in LOWER_FACE_INDEX.items()}
    jaw = np.maximum(curve["JawOpen"] - curve["MouthClose"] - 0.15 * curve["MouthPucker"], 0)
    lips = 0.25 * curve["MouthLowerDown"] + 0.15 * curve["MouthUpperUp"] - 0.25 * curve["MouthRollLower"]
    opening: Array = jaw + lips
    return opening
