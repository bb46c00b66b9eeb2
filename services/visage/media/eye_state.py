"""What the landmarks of the eyes show: how far the lids are open and where the irises look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.media.canonical_face import (
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_IRIS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from visage.media.windows import Array

EYEBALL_MM: Final = 12.0
SIDE_GAZE_RADIANS: Final = 0.5
DOWN_GAZE_RADIANS: Final = 0.34
UP_GAZE_RADIANS: Final = 0.32
"""How far the renderer turns an eye at a gaze curve's 1."""

_SEEN_ACROSS: Final = 0.7
_SEEN_ALONG: Final = 0.35
"""Share of the iris's way that the landmark model reports; measured on renders of known gaze of six photos."""
_SHUT_OPENING: Final = 0.18
"""Opening that the landmarks keep on shut lids, as a share of the open eye's; measured likewise."""
_LID_NOISE: Final = 0.04
_WIDE_CLOSING: Final = 0.30
_DOWN_CLOSING: Final = 0.38
"""How the renderer opens the lids at EyeWide 1 and closes them at EyeLookDown 1, as shares of a blink."""

_EYES: Final[tuple[tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], float], ...]] = (
    ("Left", LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_IRIS, 1.0),
    ("Right", RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_IRIS, -1.0),
)
_MIDDLE: Final = slice(3, 6)


@dataclass(frozen=True, eq=False)
class EyeState:
    """Both eyes, the subject's left one first, in millimetres of the canonical face.

    openings: [2], height between the lids. gazes: [2, 2], x and y of the iris from the middle between the corners.
    """

    openings: Array
    gazes: Array

    @classmethod
    def of(cls, face: Array) -> EyeState:
        """Of landmarks [478, 3] in canonical millimetres."""
        openings, gazes = [], []
        for _, upper, lower, iris, _ in _EYES:
            openings.append(float((face[list(lower[_MIDDLE]), 1] - face[list(upper[_MIDDLE]), 1]).mean()))
            gazes.append(face[iris[0]][:2] - (face[upper[0]][:2] + face[upper[-1]][:2]) / 2)
        return cls(np.array(openings), np.stack(gazes))


def eye_curves(seen: EyeState, rest: EyeState) -> dict[str, float]:
    """The curves of lids and gaze, 0..1, that turn the eyes at rest into the seen ones.

    Both eyes are given one gaze, since the landmarks of either are noisy. Squints are told as part of the blink.
    """
    way = (seen.gazes - rest.gazes).mean(0) / [_SEEN_ACROSS, _SEEN_ALONG]
    across, along = np.arcsin(np.clip(way / EYEBALL_MM, -1, 1))
    curves: dict[str, float] = {}
    for (side, _, _, _, outwards), opening, open_eye in zip(_EYES, seen.openings, rest.openings, strict=True):
        outer = outwards * across / SIDE_GAZE_RADIANS
        closed = (1 - opening / max(open_eye, 1.0)) / (1 - _SHUT_OPENING)
        # A lid that covers the iris drags its landmarks down.
        down = float(np.clip(along / DOWN_GAZE_RADIANS * min(1.0, 1 - closed), 0, 1))
        closing = closed - _DOWN_CLOSING * down
        curves |= {
            f"EyeLookOut{side}": outer,
            f"EyeLookIn{side}": -outer,
            f"EyeLookDown{side}": down,
            f"EyeLookUp{side}": -along / UP_GAZE_RADIANS,
            f"EyeBlink{side}": (closing - _LID_NOISE) / (1 - _LID_NOISE),
            f"EyeWide{side}": -closing / _WIDE_CLOSING,
        }
    return {name: float(np.clip(value, 0, 1)) for name, value in curves.items()}
