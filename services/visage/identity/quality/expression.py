"""What the face does in the photo, so far as an avatar has to undo it."""

from __future__ import annotations

import numpy as np

from visage.identity.avatar.neutral import measure_smile
from visage.media.windows import Array

_INNER_LIPS = ((13, 14), (82, 87), (312, 317))
_EYES = (((159, 145), (158, 153), (160, 144), (33, 133)), ((386, 374), (385, 380), (387, 373), (362, 263)))
"""Per eye: upper and lower lid three times, then the corners."""


def measure_expression(landmarks: Array, px_per_mm: float) -> dict[str, float]:
    """Returns the values of `report.Expression`.

    landmarks: float [478, 3] in pixels of a picture in which a millimetre of the face has `px_per_mm`.
    """
    openings = []
    for *lids, corners in _EYES:
        height = float(np.mean([_distance(landmarks, lid) for lid in lids]))
        openings.append(height / max(_distance(landmarks, corners), 1e-6))
    gap = float(np.mean([_distance(landmarks, pair) for pair in _INNER_LIPS]))
    return {
        "mouth_open_mm": gap / px_per_mm,
        "smile": max(measure_smile(landmarks)),
        "eye_opening": min(openings),
    }


def _distance(landmarks: Array, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(landmarks[pair[0]] - landmarks[pair[1]]))
