"""Cuts turned, scaled rectangles out of pictures: how the models expect their inputs to be prepared."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Square:
    """A turned square in a picture: centre and side in pixels, angle in radians, clockwise in the image."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def matrix(self, size: int) -> np.ndarray:
        """(2, 3) from pixels of a crop of `size` to pixels of the picture; corner (0, 0) on the corner."""
        step = self.side / size
        turn = np.array([[math.cos(self.angle), -math.sin(self.angle)], [math.sin(self.angle), math.cos(self.angle)]])
        linear = turn * step
        offset = np.array([self.x, self.y]) - linear @ np.full(2, size / 2)
        return np.column_stack([linear, offset])


def cut(picture: np.ndarray, matrix: np.ndarray, size: int, repeat_border: bool) -> np.ndarray:
    """Bilinear crop (size, size, 3) of an HWC uint8 picture; outside is black, or the nearest border pixel."""
    rows, columns = np.mgrid[0:size, 0:size]
    places = np.tensordot(matrix[:, :2], np.stack([columns, rows]), axes=1) + matrix[:, 2][:, None, None]
    corner = np.floor(places).astype(int)
    share = places - corner
    crop = np.zeros((size, size, picture.shape[2]))
    for row_step in (0, 1):
        for column_step in (0, 1):
            column, row = corner[0] + column_step, corner[1] + row_step
            weight = np.abs(1 - row_step - share[1]) * np.abs(1 - column_step - share[0])
            inside = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
            if not repeat_border:
                weight = weight * inside
            row, column = row.clip(0, picture.shape[0] - 1), column.clip(0, picture.shape[1] - 1)
            crop += picture[row, column] * weight[..., None]
    return np.rint(crop).astype(np.uint8)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Maps points (N, 2) through a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]
