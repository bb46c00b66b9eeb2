"""Soft windows: the building blocks of masks and displacement fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def smooth_step(start: float, stop: float, value: Any) -> Array:
    """0 at `start`, 1 at `stop`, cubic between; `start` may be greater than `stop`."""
    position = np.clip((value - start) / (stop - start), 0.0, 1.0)
    return np.asarray(position * position * (3.0 - 2.0 * position))


def bump(x: Array, y: Array, centre_x: float, centre_y: float, width: Any, height: Any) -> Array:
    """A Gaussian hill of height 1 that falls to 1/e at `width` and `height`."""
    return np.asarray(np.exp(-(((x - centre_x) / width) ** 2) - ((y - centre_y) / height) ** 2))


def node_centres(count_x: int, count_y: int, cell_px: float, left: float = 0.0, top: float = 0.0) -> Array:
    """Centres of a grid of cells, float64 [count_y, count_x, 2] (x, y)."""
    x, y = np.meshgrid(left + (np.arange(count_x) + 0.5) * cell_px, top + (np.arange(count_y) + 0.5) * cell_px)
    return np.stack([x, y], -1)


def minimum_jerk(share: Any) -> Array:
    """Curve from 0 to 1 over `share` 0..1 that a limb takes (Flash & Hogan, 1985); flat beyond its ends."""
    share = np.clip(share, 0.0, 1.0)
    return np.asarray(share**3 * (share * (share * 6 - 15) + 10))
