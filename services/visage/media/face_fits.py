"""Fits of the canonical face to many frames at once: `canonical_face` and `head_pose`, batched over a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visage.media.canonical_face import FaceFit
from visage.media.windows import Array


@dataclass(frozen=True, eq=False)
class FaceFits:
    """One similarity a frame: scales [n], rotations [n, 3, 3], offsets [n, 3]; see `FaceFit`."""

    scales: Array
    rotations: Array
    offsets: Array

    def place(self, vertices_mm: Array) -> Array:
        """Canonical [n or 1, k, 3] in millimetres → frames' [n, k, 3] in pixels."""
        turned = vertices_mm @ self.rotations.transpose(0, 2, 1)
        return np.asarray(self.scales[:, None, None] * turned + self.offsets[:, None])

    def normalised(self, points: Array) -> Array:
        """Frames' points [n, k, 3] → canonical millimetres."""
        return np.asarray((points - self.offsets[:, None]) @ self.rotations / self.scales[:, None, None])

    def mean(self, frames: Array) -> FaceFit:
        """The fit in the middle of those of some frames, int [m]."""
        left, _, right = np.linalg.svd(self.rotations[frames].mean(0))
        flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        offset = np.asarray(np.median(self.offsets[frames], axis=0))
        return FaceFit(float(np.median(self.scales[frames])), left @ flip @ right, offset)


def fit_heads(shapes: Array, landmarks: Array, depth_weight: float, steps: int = 6) -> FaceFits:
    """`head_pose.fit_head` for frames [n, k, 3]; shapes [n or 1, k, 3] in millimetres."""
    target = np.array(landmarks, np.float64)
    fits = _similarities(shapes, target)
    for _ in range(steps):
        target[..., 2] = depth_weight * landmarks[..., 2] + (1 - depth_weight) * fits.place(shapes)[..., 2]
        fits = _similarities(shapes, target)
    return fits


def _similarities(source: Array, target: Array) -> FaceFits:
    """Source as for `canonical_face.fit_similarity`."""
    source_mean, target_mean = source.mean(1), target.mean(1)
    centred, wanted = source - source_mean[:, None], target - target_mean[:, None]
    left, singular, right = np.linalg.svd(wanted.transpose(0, 2, 1) @ centred / source.shape[1])
    signs = np.ones_like(singular)
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    rotations = (left * signs[:, None]) @ right
    scales = (singular * signs).sum(1) / (centred**2).sum(2).mean(1)
    turned_mean = np.einsum("nij,nj->ni", rotations, np.broadcast_to(source_mean, target_mean.shape))
    offsets = target_mean - scales[:, None] * turned_mean
    return FaceFits(scales, rotations, offsets)
