"""How a face is laid into the picture that the embedder takes."""

from __future__ import annotations

import math

import numpy as np

from models.conversion.dlib_layers import SIZE
from models.conversion.warp import apply, cut

# Mesh points: outer and inner corner of either eye, base of the nose.
MESH_POINTS = (263, 362, 33, 133, 2)
# Where dlib's training pictures have them, as fractions of a face box.
TEMPLATE = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
PADDING = 0.25


def aligned_face(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face (150, 150, 3) of an HWC uint8 picture, given its 478 landmarks in pixels of the picture."""
    # The template counts from the edge of the crop, pixels from their centres.
    wanted = (TEMPLATE + PADDING) / (1 + 2 * PADDING) * SIZE - 0.5
    matrix = similarity(wanted, landmarks[list(MESH_POINTS), :2])
    return _cut_smoothly(picture, matrix)


def _cut_smoothly(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Averages several samples per pixel where the picture is larger than the crop, against aliasing."""
    samples = max(1, math.ceil(math.sqrt(abs(np.linalg.det(matrix[:, :2])))))
    # The centre of a pixel of the crop is the centre of its samples.
    fine = np.column_stack([matrix[:, :2] / samples, apply(matrix, np.full(2, (1 / samples - 1) / 2))])
    crop = cut(picture, fine, SIZE * samples, repeat_border=False)
    blocks = crop.reshape(SIZE, samples, SIZE, samples, 3).astype(np.float64)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The (2, 3) similarity that maps source to target points (N, 2) with the least squared error.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    first, second = source - source_mean, target - target_mean
    left, strengths, right = np.linalg.svd(second.T @ first)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    scale = (strengths * signs).sum() / (first**2).sum()
    linear = scale * (left * signs) @ right
    return np.column_stack([linear, target_mean - linear @ source_mean])
