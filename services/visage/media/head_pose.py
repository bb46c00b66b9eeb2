"""Head poses: angles ↔ rotation, and the pose that landmarks show.

Yaw > 0 turns the face towards the right edge of the picture, pitch > 0 raises it, roll > 0 tilts it clockwise; applied
in this order. Axes: x to the image's right, y down, z away from the viewer.
"""

from __future__ import annotations

import numpy as np

from visage.media.canonical_face import FaceFit, fit_similarity
from visage.media.windows import Array


def rotation_of(angles: Array) -> Array:
    """Rotations float64 [..., 3, 3] of yaw, pitch and roll [..., 3] in degrees."""
    yaw, pitch, roll = np.moveaxis(np.radians(np.asarray(angles, np.float64)), -1, 0)
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    no, one = np.zeros_like(yaw), np.ones_like(yaw)
    about_y = _matrices([[cy, no, -sy], [no, one, no], [sy, no, cy]])
    about_x = _matrices([[one, no, no], [no, cp, sp], [no, -sp, cp]])
    about_z = _matrices([[cr, -sr, no], [sr, cr, no], [no, no, one]])
    return np.asarray(about_z @ about_x @ about_y)


def angles_of(rotation: Array) -> Array:
    """Yaw, pitch and roll in degrees, float64 [..., 3], of rotations [..., 3, 3]; the inverse of `rotation_of`."""
    pitch = np.arcsin(np.clip(-rotation[..., 2, 1], -1, 1))
    yaw = np.arctan2(rotation[..., 2, 0], rotation[..., 2, 2])
    roll = np.arctan2(-rotation[..., 0, 1], rotation[..., 1, 1])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], -1)))


def _matrices(rows: list[list[Array]]) -> Array:
    """[..., 3, 3] of rows of entries [...]."""
    return np.stack([np.stack(row, -1) for row in rows], -2)


def fit_head(shape: Array, landmarks: Array, depth_weight: float, steps: int = 6) -> FaceFit:
    """The similarity that takes `shape` [n, 3] (mm) to `landmarks` [n, 3] (pixels), trusting depth less than x and y.

    Landmarks know x and y well and guess the depth: each step replaces depths by `depth_weight` parts of the seen and
    the rest of the fitted ones, and fits again.
    """
    target = np.array(landmarks, np.float64)
    fit = fit_similarity(shape, target)
    for _ in range(steps):
        placed = fit.place(shape)
        target[:, 2] = depth_weight * landmarks[:, 2] + (1 - depth_weight) * placed[:, 2]
        fit = fit_similarity(shape, target)
    return fit
