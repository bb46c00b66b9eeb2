"""How sharp the face is: the blur of its edges, from how much they lose when they are blurred again."""

from __future__ import annotations

import math

import cv2
import numpy as np

from visage.identity.avatar.matte import face_mask
from visage.identity.quality.samples import FaceSamples
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array

_FINE_PX, _COARSE_PX = 0.7, 2.0
_EDGE_PERCENTILE = 98.0
_DIRECTIONS = 4
_MOST_BLUR_PX = 12.0
_LEAST_FACE_PX = 24


def edge_blur_mm(samples: FaceSamples) -> float:
    """Standard deviation of the blur across the face's strongest edges, in millimetres on the face, 0 and more.

    An edge of blur s has, seen at a scale a, a slope in proportion to 1 / sqrt(s² + a²); two scales give s. Of four
    directions the blurriest counts, so that camera shake along one is seen. Source: the re-blurring idea of F. Crete
    et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric", 2007.
    """
    picture, mask, px_per_mm = _native_face(samples)
    fine = cv2.GaussianBlur(picture, (0, 0), _FINE_PX)
    coarse = cv2.GaussianBlur(picture, (0, 0), _COARSE_PX)
    blurs = []
    for step in range(_DIRECTIONS):
        angle = step * math.pi / _DIRECTIONS
        slopes = [np.percentile(_slope(np.asarray(scale), angle)[mask], _EDGE_PERCENTILE) for scale in (fine, coarse)]
        blurs.append(_blur_px(*map(float, slopes)))
    return max(blurs) / px_per_mm


def _native_face(samples: FaceSamples) -> tuple[Array, Array, float]:
    """Brightness float32 and face mask at the photo's own density or the crop's, whichever is coarser."""
    transform = samples.framed.transform
    enlargement = max(1.0, math.sqrt(abs(float(np.linalg.det(transform[:, :2])))))
    size_px = max(round(samples.framed.image.shape[0] / enlargement), _LEAST_FACE_PX)
    grey = cv2.cvtColor(samples.framed.image, cv2.COLOR_RGB2GRAY)
    smaller = cv2.resize(grey, (size_px, size_px), interpolation=cv2.INTER_AREA)
    mask = face_mask(samples.framed.landmarks, size_px) > 0
    return np.asarray(smaller, np.float32), mask, samples.fit.scale * size_px / FRAME_PX


def _slope(picture: Array, angle: float) -> Array:
    along_x = np.asarray(cv2.Scharr(picture, cv2.CV_32F, 1, 0))
    along_y = np.asarray(cv2.Scharr(picture, cv2.CV_32F, 0, 1))
    return np.abs(math.cos(angle) * along_x + math.sin(angle) * along_y)


def _blur_px(fine: float, coarse: float) -> float:
    ratio = (fine / max(coarse, 1e-6)) ** 2
    if ratio <= 1:
        return _MOST_BLUR_PX
    return min(math.sqrt(max(0.0, (_COARSE_PX**2 - ratio * _FINE_PX**2) / (ratio - 1))), _MOST_BLUR_PX)
