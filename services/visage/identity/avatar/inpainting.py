"""Smooth continuation of pictures and grids into unknown areas."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import csc_array, diags_array, kron
from scipy.sparse.linalg import splu

from visage.media.windows import Array


def push_pull(picture: Array, weight: Array) -> Array:
    """Fill where `weight` is 0 by pyramid-normalised convolution.

    picture: float [height, width, channels]; weight: float [height, width], 0..1. Returns the same shape, float32.
    Source: S. Gortler et al., "The Lumigraph", 1996 (pull-push).
    """
    colours = [(picture * weight[..., None]).astype(np.float32)]
    weights = [weight.astype(np.float32)]
    while min(weights[-1].shape) > 2:
        colours.append(_shrink(colours[-1]))
        weights.append(_shrink(weights[-1][..., None])[..., 0])
    mean = colours[0].sum((0, 1)) / max(float(weights[0].sum()), 1e-6)
    known = weights[-1][..., None] > 1e-7
    current = np.where(known, colours[-1] / np.maximum(weights[-1], 1e-7)[..., None], mean)
    for colour, share in zip(colours[-2::-1], weights[-2::-1], strict=True):
        upscaled = resize(current.astype(np.float32), share.shape[1], share.shape[0])
        blend = np.clip(share, 0.0, 1.0)[..., None]
        current = blend * (colour / np.maximum(share, 1e-6)[..., None]) + (1 - blend) * upscaled
    return np.asarray(current, np.float32)


def resize(picture: Array, width: int, height: int) -> Array:
    """Bilinear up, area-averaging down; keeps a channel axis of 1."""
    mode = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    out = np.asarray(cv2.resize(picture.astype(np.float32), (width, height), interpolation=mode))
    return out[..., None] if picture.ndim == 3 and out.ndim == 2 else out


def _shrink(picture: Array) -> Array:
    return resize(picture, max(1, round(picture.shape[1] / 2)), max(1, round(picture.shape[0] / 2)))


def _path_laplacian(count: int) -> csc_array:
    degree = np.full(count, 2.0)
    degree[[0, -1]] = 1.0
    off = np.full(count - 1, -1.0)
    return csc_array(diags_array([off, degree, off], offsets=(-1, 0, 1)))


def harmonic_fill(values: Array, known: Array) -> Array:
    """Solve Laplace's equation in the cells that are not `known`.

    values: float [height, width]; known: bool [height, width]. Returns float64 [height, width].
    """
    height, width = values.shape
    eye_x, eye_y = diags_array(np.ones(width)), diags_array(np.ones(height))
    laplacian = csc_array(kron(eye_y, _path_laplacian(width)) + kron(_path_laplacian(height), eye_x))
    flat, unknown = values.astype(np.float64).ravel(), ~known.ravel()
    if not unknown.any() or unknown.all():
        return flat.reshape(height, width)
    rows = laplacian[unknown]
    flat = flat.copy()
    right_hand = -(rows[:, ~unknown] @ flat[~unknown])
    flat[unknown] = splu(csc_array(rows[:, unknown])).solve(right_hand)
    return flat.reshape(height, width)
