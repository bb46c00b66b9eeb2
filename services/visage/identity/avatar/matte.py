"""The portrait's matte: a segmentation sharpened by the photo's edges and colours."""

from __future__ import annotations

import cv2
import numpy as np

from visage.identity.avatar.inpainting import push_pull
from visage.media.canonical_face import FACE_OVAL
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array, smooth_step

_SURE_FOREGROUND = 0.95
_SURE_BACKGROUND = 0.03
_BAND_PX = 3
_CLEAR_CONTRAST = 0.12
"""Squared colour distance from which the measured alpha is trusted."""


def face_mask(landmarks: Array, size_px: int = FRAME_PX) -> Array:
    """The face oval, uint8 [size, size] of 0 and 1."""
    mask = np.zeros((size_px, size_px), np.uint8)
    oval = np.round(landmarks[list(FACE_OVAL), :2] * (size_px / FRAME_PX)).astype(np.int32)
    cv2.fillPoly(mask, [oval], (1,))
    return mask


def refine_matte(picture: Array, segmentation: Array, landmarks: Array) -> Array:
    """Alpha of the portrait, float32 [512, 512], 0..1.

    picture: float32 RGB [512, 512, 3], 0..1; segmentation: float [any, any], 0..1, of the whole frame.
    The segmentation follows the photo's edges first (K. He et al., "Guided Image Filtering", 2010); then alpha in a
    band around the edge is re-estimated from the local colours of foreground and background.
    """
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    coarse = np.asarray(cv2.resize(segmentation.astype(np.float32), (FRAME_PX, FRAME_PX)))
    alpha = smooth_step(0.12, 0.88, np.clip(_guided(grey, coarse, 8, 1e-3), 0, 1)).astype(np.float32)
    oval = np.asarray(cv2.GaussianBlur(face_mask(landmarks).astype(np.float32), (0, 0), 2))
    certain = np.asarray(cv2.erode((alpha > _SURE_FOREGROUND).astype(np.float32), _disc(_BAND_PX)))
    foreground, background = push_pull(picture, certain), push_pull(picture, sure_background(alpha))
    difference = foreground - background
    distance = (difference**2).sum(-1)
    measured = np.clip(((picture - background) * difference).sum(-1) / (distance + 1e-4), 0, 1)
    unknown = ((certain < 0.5) & (alpha > _SURE_BACKGROUND)).astype(np.uint8)
    band = np.asarray(cv2.dilate(unknown, _disc(2))) > 0
    trust = np.clip(distance / _CLEAR_CONTRAST, 0, 1)
    estimate = (1 - trust) * alpha + trust * np.minimum(measured, alpha * 4)
    sharp = np.where(band, estimate, alpha > 0.5).astype(np.float32)
    alpha = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 0.6))
    return np.asarray(np.maximum(alpha, oval), np.float32)


def _disc(radius: int) -> Array:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))


def sure_background(alpha: Array) -> Array:
    """Where the background shows without any portrait, float32 of 0 and 1."""
    clear = (alpha < _SURE_BACKGROUND).astype(np.float32)
    return np.asarray(cv2.erode(clear, np.ones((7, 7), np.uint8)))


def silhouette_distance(matte: Array) -> Array:
    """Pixels to the nearest point outside of the portrait, 0 there; matte: float32 [512, 512]."""
    inside = np.pad((matte > 0.5).astype(np.uint8), 1, constant_values=1)
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5))[1:-1, 1:-1]


def _guided(guide: Array, values: Array, radius: int, regularisation: float) -> Array:
    size = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_values = cv2.blur(guide, size), cv2.blur(values, size)
    covariance = cv2.blur(guide * values, size) - mean_guide * mean_values
    slope = covariance / (cv2.blur(guide * guide, size) - mean_guide * mean_guide + regularisation)
    shift = mean_values - slope * mean_guide
    return np.asarray(cv2.blur(slope, size) * guide + cv2.blur(shift, size))
