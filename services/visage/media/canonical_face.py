"""The canonical face: 468 mesh vertices in millimetres, their groups, and how a photo's landmarks fit them.

Axes: x to the image's right, y down, z away from the viewer; eye centres at (+-31.5, 0); the subject's left is +x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from visage.media.windows import Array

LIP_CORNER_X_MM: Final = 24.8
INNER_CORNER_X_MM: Final = 22.6
LIP_LINE_Y_MM: Final = 69.6
CHIN_Y_MM: Final = 114.2
NECK_PIVOT_MM: Final = (0.0, 72.0, 78.0)
"""The joint about which the head turns."""

MESH_POINTS: Final = 468
UPPER_LIP: Final = (
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
)
"""Rows of the upper lip from the inner line to the outer rim, each from the image's left to its right."""
LOWER_LIP: Final = (
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
)
UPPER_LIP_MIDDLE: Final = 13
LOWER_LIP_MIDDLE: Final = 14
"""Where the lips meet in the middle of the mouth."""
LIP_CORNERS: Final = (61, 291, 76, 306, 62, 292, 78, 308)
INNER_CORNERS: Final = (78, 308)
RIGHT_UPPER_LID: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LOWER_LID: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_BROW: Final = (46, 53, 52, 65, 55)
LEFT_BROW: Final = (276, 283, 282, 295, 285)
BROW_OUTLINES: Final = (
    (46, 53, 52, 65, 55, 107, 66, 105, 63, 70),
    (276, 283, 282, 295, 285, 336, 296, 334, 293, 300),
)
RIGHT_IRIS: Final = (468, 469, 470, 471, 472)
LEFT_IRIS: Final = (473, 474, 475, 476, 477)
"""Iris centre, then four points of its rim."""
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
SKIN_PATCHES: Final = (
    (117, 118, 119, 100, 126, 142, 36, 205, 187, 123),
    (346, 347, 348, 329, 355, 371, 266, 425, 411, 352),
    (108, 107, 9, 336, 337, 151),
)
"""Cheeks and forehead."""
RIGID_POINTS: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 127, 162, 21, 54, 103, 67, 109, 234, 6, 168, 197,
    195, 5, 33, 133, 362, 263, 8, 9, 151, 337, 108, 299, 69, 93, 323,
)  # fmt: skip
"""Points that expressions hardly move."""


@cache
def canonical_vertices() -> Array:
    """Vertices of the neutral mean face, float64 [468, 3] in millimetres."""
    with files("visage.media").joinpath("canonical_face.npz").open("rb") as file:
        return np.asarray(np.load(file)["vertices_mm"], np.float64)


def vertex_sides(mesh: Array) -> Array:
    """Who carries each vertex of `mesh` [468, 3], int64 [468]: 0 both layers, 1 the skull layer, 2 the jaw layer."""
    between = np.abs(mesh[:, 0]) < LIP_CORNER_X_MM - 0.5
    sides = np.zeros(len(mesh), np.int64)
    sides[between & (mesh[:, 1] < LIP_LINE_Y_MM) & (mesh[:, 1] > 46)] = 1
    sides[between & (mesh[:, 1] >= LIP_LINE_Y_MM)] = 2
    sides[[index for row in UPPER_LIP for index in row]] = 1
    sides[[index for row in LOWER_LIP for index in row]] = 2
    sides[list(LIP_CORNERS)] = 0
    return sides


@dataclass(frozen=True)
class FaceFit:
    """A similarity from canonical millimetres to frame pixels: `point = scale * rotation @ vertex + offset`."""

    scale: float
    rotation: Array
    offset: Array

    def place(self, vertices_mm: Array) -> Array:
        """Canonical [..., 3] in millimetres → frame [..., 3] in pixels."""
        return np.asarray(self.scale * vertices_mm @ self.rotation.T + self.offset)

    def canonical_xy(self, points: Array) -> Array:
        """Frame points [..., 2] → canonical x, y in millimetres, taking depth as that of the eye plane."""
        inverse = np.linalg.inv(self.scale * self.rotation[:2, :2])
        return np.asarray((points - self.offset[:2]) @ inverse.T)


def fit_similarity(source: Array, target: Array) -> FaceFit:
    """Least-squares similarity that takes `source` [n, 3] to `target` [n, 3].

    Source: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    centred, wanted = source - source_mean, target - target_mean
    left, singular, right = np.linalg.svd(wanted.T @ centred / len(source))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ np.diag(signs) @ right
    scale = float((singular * signs).sum() / (centred**2).sum(1).mean())
    return FaceFit(scale, rotation, target_mean - scale * rotation @ source_mean)


def fit_face(landmarks: Array) -> FaceFit:
    """Fit of the canonical face to landmarks float [>=468, 3] in frame pixels."""
    return fit_similarity(canonical_vertices(), np.asarray(landmarks[:MESH_POINTS], np.float64))
