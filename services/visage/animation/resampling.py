"""Rows of curves at any times → frames at the rate wanted.

A row is taken to show the middle of its step, as frames show the middle of their interval. Where rows come faster than
frames, a frame is the mean over its interval of the line between the rows, and lids that close in it are closed; where
they come slower, it is the line at the frame's middle. Rows that come exactly as frames do pass unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.arkit import CURVE_INDEX

Array = NDArray[np.float32]
Times = NDArray[np.float64]

_SAME_SHARE: Final = 0.1
# Rounded times must not make a frame of their own.
_ROUNDING_FRAMES: Final = 0.05
LIDS: Final = (CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"])
"""Columns of rows in ARKit's order whose short peaks are kept."""
_CLOSED: Final = 0.6


def frame_count(duration_s: float, rate: Fraction) -> int:
    """Frames that cover a recording; at least one."""
    return max(1, math.ceil(duration_s * float(rate) - _ROUNDING_FRAMES))


def is_same_grid(times: Times, rate: Fraction) -> bool:
    """Whether [rows] times, from 0, are those of frames but for rounding."""
    return bool((np.abs(times * float(rate) - np.arange(len(times))) < _SAME_SHARE).all())


def resampled(
    middles: Times, values: Array, step_s: float, rate: Fraction, frames: range, peaks: Sequence[int] = LIDS
) -> Array:
    """Returns [frames, columns] values; the first and the last row hold beyond their ends.

    Args:
        middles: [rows] rising times of what rows show, at least one.
        values: [rows, columns].
        step_s: Usual time between rows.
        rate: Frames per second.
        frames: Which frames.
        peaks: Columns whose short peaks are kept where rows come faster than frames.
    """
    edges = np.arange(frames.start, frames.stop + 1) / float(rate)
    if step_s * float(rate) > 1 - 1e-3:
        return _between(middles, values, (edges[:-1] + edges[1:]) / 2)
    areas = np.diff(_integral(middles, values, edges), axis=0)
    means = (areas * float(rate)).astype(np.float32)
    return _with_peaks(means, middles, values, edges, list(peaks))


def _between(middles: Times, values: Array, times: Times) -> Array:
    """[times, columns] on the lines between rows."""
    after = np.clip(np.searchsorted(middles, times), 1, max(len(middles) - 1, 1))
    if len(middles) == 1:
        return np.repeat(values, len(times), axis=0)
    before = after - 1
    share = np.clip((times - middles[before]) / (middles[after] - middles[before]), 0, 1)[:, None]
    between: Array = (values[before] + (values[after] - values[before]) * share).astype(np.float32)
    return between


def _integral(middles: Times, values: Array, times: Times) -> np.ndarray:
    """[times, columns] area under the lines between rows, from the first row to each time; negative before it."""
    steps = np.diff(middles)[:, None]
    areas = np.zeros((len(middles), values.shape[1]))
    np.cumsum((values[1:].astype(np.float64) + values[:-1]) / 2 * steps, axis=0, out=areas[1:])
    place = np.clip(np.searchsorted(middles, times, side="right") - 1, 0, len(middles) - 1)
    within = (times - middles[place])[:, None]
    reached = _between(middles, values, times)
    return np.asarray(areas[place] + (values[place].astype(np.float64) + reached) / 2 * within)


def _with_peaks(means: Array, middles: Times, values: Array, edges: Times, peaks: list[int]) -> Array:
    """Lets a blink that a frame's mean would soften be as deep as it was in any of the frame's rows."""
    if not peaks:
        return means
    bounds = np.searchsorted(middles, edges)
    for frame in range(len(means)):
        rows = values[bounds[frame] : bounds[frame + 1], peaks]
        if len(rows):
            deepest = rows.max(axis=0)
            means[frame, peaks] = np.where(deepest > _CLOSED, deepest, means[frame, peaks])
    return means
