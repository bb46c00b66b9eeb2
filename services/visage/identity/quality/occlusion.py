"""What hides the face: dark glass before the eyes, no lips where lips should be, landmarks that do not hold still.

It sees sunglasses, masks, hair and hands over eyes or mouth, and things on the skin that have another colour than skin.
It does not see a hand on a cheek that is lit and coloured like the face, or anything foreign in a black-and-white photo
that leaves the features free.
"""

from __future__ import annotations

import cv2
import numpy as np

from visage.identity.quality.samples import EYES, FaceSamples, brightness, skin_points
from visage.media.canonical_face import LOWER_LIP, UPPER_LIP, canonical_vertices
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array

_LIP_POINTS = tuple(sorted({index for row in UPPER_LIP + LOWER_LIP for index in row}))
_RED_POINTS = (*UPPER_LIP[1], *UPPER_LIP[2], *LOWER_LIP[1], *LOWER_LIP[2])
"""Lips between their inner line and their rim."""
_EYE_ZONE_MM = (17.0, 11.0)
"""Half width and half height of what is looked at around an eye; lenses of sunglasses reach beyond it."""
_DETAIL_MM = 3.0
_FOREIGN_CHROMA = 0.08
"""Distance of chromaticities (shares of red and green in linear light) from the skin's median; shade and blush stay
below it."""


def measure_occlusion(samples: FaceSamples, spread_mm: Array, contrast: float) -> dict[str, float]:
    """Returns the values of `report.Occlusion`.

    spread_mm: float [468], unrest of the landmarks; contrast: 0..1, of the face.
    """
    light = samples.broad_light[list(skin_points())] + 1e-3
    shares = (light / light.sum(-1, keepdims=True))[:, :2]
    chroma = np.linalg.norm(shares - np.median(shares, 0), axis=-1)
    contrast = max(contrast, 0.02)
    return {
        "eye_spread_mm": max(float(spread_mm[list(eye)].mean()) for eye in EYES),
        "mouth_spread_mm": float(spread_mm[list(_LIP_POINTS)].mean()),
        "face_spread_mm": float(spread_mm.mean()),
        "eye_detail": min(_eye_detail(samples, eye) for eye in EYES) / contrast,
        "lip_contrast": _lip_contrast(samples) / contrast,
        "foreign_share": float((chroma > _FOREIGN_CHROMA).mean()),
    }


def _eye_detail(samples: FaceSamples, eye: tuple[int, ...]) -> float:
    """Span of fine contrast around one eye: lashes, iris and white against each other."""
    centre = samples.framed.landmarks[list(eye), :2].mean(0)
    half_width, half_height = (length * samples.fit.scale for length in _EYE_ZONE_MM)
    y, x = np.mgrid[:FRAME_PX, :FRAME_PX] + 0.5
    zone = ((x - centre[0]) / half_width) ** 2 + ((y - centre[1]) / half_height) ** 2 < 1
    grey = brightness(samples.half)
    coarse = np.asarray(cv2.GaussianBlur(grey, (0, 0), _DETAIL_MM * samples.fit.scale))
    low, high = np.percentile((grey - coarse)[zone], [3, 97])
    return float(high - low)


def _lip_contrast(samples: FaceSamples) -> float:
    """Colour difference of the lips and what is around them, in CIE Lab."""
    lab = np.asarray(cv2.cvtColor(samples.colours[None], cv2.COLOR_RGB2LAB)[0])
    x, y, _ = canonical_vertices().T
    around = (np.abs(x) < 34) & (y > 54) & (y < 100)
    around[list(_LIP_POINTS)] = False
    return float(np.linalg.norm(np.median(lab[list(_RED_POINTS)], 0) - np.median(lab[around], 0)))
