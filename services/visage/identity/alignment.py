"""How a face is laid before the embedder: eye corners and nose where its training pictures have them."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.runtime.face_crops import Array, cut
from visage.runtime.images import RgbImage

EMBEDDING_CROP_PX: Final = 150
_ALIGNMENT_POINTS: Final = (263, 362, 33, 133, 2)
"""Mesh points: outer and inner corner of either eye, base of the nose."""
_ALIGNMENT_TEMPLATE: Final = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
"""Where the embedder's training pictures have them, as fractions of a face box. Source: dlib's five-point template."""
_ALIGNMENT_PADDING: Final = 0.25


def aligned_face(image: RgbImage, landmarks: Array) -> RgbImage:
    """The embedder's input, uint8 [150, 150, 3], from landmarks [478, 3] in pixels of the picture."""
    fractions = (_ALIGNMENT_TEMPLATE + _ALIGNMENT_PADDING) / (1 + 2 * _ALIGNMENT_PADDING)
    # The template counts from the edge of the crop, pixels from their centres.
    places = fractions * EMBEDDING_CROP_PX - 0.5
    matrix = similarity(places, landmarks[list(_ALIGNMENT_POINTS), :2])
    return cut(image, matrix, EMBEDDING_CROP_PX, repeat_border=False)


def similarity(source: Array, target: Array) -> Array:
    """[2, 3] similarity that takes `source` points [n, 2] to `target` with the least squared error.

    Source: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    first, second = source - source_mean, target - target_mean
    left, strengths, right = np.linalg.svd(second.T @ first)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    scale = (strengths * signs).sum() / (first**2).sum()
    linear = scale * (left * signs) @ right
    return np.column_stack([linear, target_mean - linear @ source_mean])
