"""The line where the lips meet (or part): the cut between the skull layer and the jaw layer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates

from visage.media.canonical_face import INNER_CORNERS, LOWER_LIP, UPPER_LIP
from visage.media.portrait import TEXTURE_SCALE
from visage.media.windows import Array

_CLOSED_BELOW_MM = 1.4
_SEARCH_PX = 6.0
_STEP_COST = 0.12
_OFFSET_COST = 0.0144


@dataclass(frozen=True)
class LipSeam:
    """The mouth in its own coordinates: x in half mouth widths (-1..1 between the inner corners), y in pixels down.

    position: sample points of x; upper, lower: y of the inner line of each lip there (equal when closed).
    """

    centre: Array
    axis_x: Array
    axis_y: Array
    half_width: float
    position: Array
    upper: Array
    lower: Array
    closed: bool

    def local(self, points: Array) -> Array:
        """Frame points [..., 2] → mouth coordinates [..., 2]."""
        offset = points - self.centre
        return np.stack([offset @ self.axis_x / self.half_width, offset @ self.axis_y], -1)

    def frame(self, x: Array, y: Array) -> Array:
        """Mouth coordinates → frame points [..., 2]."""
        return np.asarray(self.centre + x[..., None] * self.half_width * self.axis_x + y[..., None] * self.axis_y)

    def gap(self, x: Array) -> Array:
        """Opening between the lips in the photo at mouth coordinate x, pixels."""
        opening = np.maximum(np.interp(x, self.position, self.lower - self.upper), 0.0)
        return np.asarray(opening * (np.abs(x) < 1))

    def extended(self, curve: Array, x: Array) -> Array:
        """`upper` or `lower` at x, continued beyond the corners along the seam's own slope."""
        middle = (self.upper + self.lower) / 2
        first = np.clip(np.polyfit(self.position[:12], middle[:12], 1)[0], -14, 14)
        last = np.clip(np.polyfit(self.position[-12:], middle[-12:], 1)[0], -14, 14)
        y = np.interp(x, self.position, curve)
        y = np.where(x < -1, curve[0] + (x + 1) * first * np.exp(-np.abs(x + 1)), y)
        return np.asarray(np.where(x > 1, curve[-1] + (x - 1) * last * np.exp(-np.abs(x - 1)), y))


def find_lip_seam(grey: Array, landmarks: Array, px_per_mm: float) -> LipSeam:
    """Find the seam in the photo.

    grey: float32 [1024, 1024], 0..1, two samples per frame pixel. Closed lips are cut along the darkest path near
    the landmarks' lip line, open ones along the inner lip lines.
    """
    right, left = (landmarks[index, :2] for index in INNER_CORNERS)
    half_width = float(np.linalg.norm(left - right)) / 2
    axis_x = (left - right) / (2 * half_width)
    axis_y = np.array([-axis_x[1], axis_x[0]])
    position = np.linspace(-1.0, 1.0, 81)
    blank = LipSeam((left + right) / 2, axis_x, axis_y, half_width, position, position, position, True)
    upper = _inner_line(blank, landmarks[list(UPPER_LIP[0]), :2])
    lower = _inner_line(blank, landmarks[list(LOWER_LIP[0]), :2])
    closed = float(np.maximum(lower - upper, 0)[2:-2].max()) < _CLOSED_BELOW_MM * px_per_mm
    if closed:
        middle = (upper + lower) / 2
        upper = lower = middle + _darkest_path(grey, blank, middle)
    return LipSeam(blank.centre, axis_x, axis_y, half_width, position, upper, lower, closed)


def _inner_line(seam: LipSeam, points: Array) -> Array:
    local = seam.local(points)
    local[0], local[-1] = (-1.0, 0.0), (1.0, 0.0)
    order = np.argsort(local[:, 0])
    x = local[order, 0] + np.arange(len(order)) * 1e-6
    return np.asarray(PchipInterpolator(x, local[order, 1])(seam.position))


def _darkest_path(grey: Array, seam: LipSeam, middle: Array) -> Array:
    """Offsets in pixels from `middle` of the darkest smooth path, by dynamic programming over columns."""
    offsets = np.linspace(-_SEARCH_PX, _SEARCH_PX, 49)
    points = seam.frame(seam.position[:, None] + 0 * offsets, middle[:, None] + offsets[None])
    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.2))
    at = [points[..., 1] * TEXTURE_SCALE - 0.5, points[..., 0] * TEXTURE_SCALE - 0.5]
    values = map_coordinates(blurred, at, order=1, mode="nearest")
    values = (values - values.mean(1, keepdims=True)) / (values.std(1, keepdims=True) + 0.02)
    path = cheapest_path(values + _OFFSET_COST * offsets[None] ** 2, _STEP_COST)
    return np.asarray(gaussian_filter(offsets[path], 2, mode="nearest"))


def cheapest_path(cost: Array, step_cost: float, reach: int = 2) -> Array:
    """Row per column of the cheapest path through `cost` [columns, rows]; n rows aside cost n^2 `step_cost`."""
    columns, rows = cost.shape
    steps = np.arange(-reach, reach + 1)
    total = cost[0].astype(np.float64)
    came_from = np.zeros((columns, rows), np.int64)
    index = np.arange(rows)
    for column in range(1, columns):
        padded = np.pad(total, reach, constant_values=np.inf)
        options = np.stack([padded[reach + step : reach + step + rows] + step_cost * step**2 for step in steps])
        best = options.argmin(0)
        came_from[column] = index + steps[best]
        total = options[best, index] + cost[column]
    path = np.zeros(columns, np.int64)
    path[-1] = int(total.argmin())
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    return path
