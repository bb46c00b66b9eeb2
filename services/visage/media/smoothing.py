"""Smoothing of recorded tracks: without lag, at any times of the samples, and without flattening what is quick."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.media.windows import Array

_REACH: Final = 2.5
"""Half width of the window, in standard deviations of its Gaussian weights."""
_LEAST_STIFFNESS: Final = 1e-9


def smoothed(values: Array, times_s: Array, width_s: float, noise: Array) -> Array:
    """Local quadratic regression of [n, m] tracks at their own ascending times [n], float64 [n, m].

    width_s: standard deviation of the weights; 0 returns the values. noise: [m]; where a track strays from its smooth
    form by more than this, it means it: the difference is kept in full from twice the noise on, so that blinks and
    closures keep their depth. Source: W. S. Cleveland, "Robust locally weighted regression", 1979, degree 2.
    """
    tracks = np.asarray(values, np.float64)
    if width_s <= 0 or len(tracks) < 3:
        return tracks.copy()
    calm = _local_quadratic(tracks, np.asarray(times_s, np.float64), width_s)
    strays = np.abs(tracks - calm) / np.maximum(noise, 1e-12)
    kept = np.clip(strays - 1.0, 0.0, 1.0)
    return np.asarray(calm + kept * (tracks - calm))


def _local_quadratic(tracks: Array, times: Array, width_s: float) -> Array:
    count = len(times)
    first = np.searchsorted(times, times - _REACH * width_s, "left")
    last = np.searchsorted(times, times + _REACH * width_s, "right")
    # Three samples at least, so that a parabola is determined where frames are far apart.
    first, last = np.minimum(first, np.arange(count) - 1).clip(0), np.maximum(last, np.arange(count) + 2).clip(3, count)
    first = np.minimum(first, last - 3)
    reach = int((last - first).max())
    indices = first[:, None] + np.arange(reach)
    inside = indices < last[:, None]
    indices = indices.clip(0, count - 1)
    offsets = (times[indices] - times[:, None]) / width_s
    weights = np.where(inside, np.exp(-0.5 * np.minimum(np.abs(offsets), 2 * _REACH) ** 2), 0.0)
    powers = offsets[..., None] ** np.arange(3)
    normal = np.einsum("nw,nwi,nwj->nij", weights, powers, powers) + _LEAST_STIFFNESS * np.eye(3)
    right = np.einsum("nw,nwi,nwm->nim", weights, powers, tracks[indices])
    return np.asarray(np.linalg.solve(normal, right)[:, 0])
