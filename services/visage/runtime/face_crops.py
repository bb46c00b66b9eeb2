"""How pictures become what the face models take, and how their answers come back to the picture.

A crop's corner (0, 0) lies on the corner of the square it is cut from: the convention that the models were trained
with. Source: MediaPipe's face mesh graph (letterbox, region from eye line and box, enlargement 1.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from visage.runtime.images import RgbImage

Array = npt.NDArray[np.floating]

LANDMARK_CROP_PX: Final = 192
_ENLARGEMENT: Final = 1.5
EYE_CORNERS: Final = (33, 263)
"""Mesh points: outer eye corners, the image's left and right one."""


class Tile(NamedTuple):
    """A part of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square in a picture: centre and side in pixels, angle in radians, clockwise in the image."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_picture(self, size_px: int) -> Array:
        """[2, 3] matrix from pixels of a crop of that size (1: fractions of the square) to pixels of the picture."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        linear = np.array([[cosine, -sine], [sine, cosine]]) * (self.side / size_px)
        return np.column_stack([linear, np.array([self.x, self.y]) - linear @ np.full(2, size_px / 2)])


def transform(matrix: Array, points: Array) -> Array:
    """Maps points [..., 2] through a [2, 3] matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def letterbox(image: RgbImage, tile: Tile, size_px: int, quarters: Sequence[int]) -> list[tuple[RgbImage, Square]]:
    """A part of the picture in a square with black around it, held in several ways, and each square's place.

    quarters: by how many quarter turns, clockwise, the square lies in the picture. Crops are uint8 [size, size, 3].
    """
    x, y, width, height = tile
    upright = Square(width / 2, height / 2, max(width, height))
    part = image[y : y + height, x : x + width]
    picture = cut(part, upright.to_picture(size_px), size_px, repeat_border=False)
    pixel = upright.side / size_px
    held = []
    for quarter in quarters:
        # A crop's pixels count from its corner, and the corner changes when the crop is turned.
        place = Square(
            upright.x + x - pixel * (quarter in (1, 2)),
            upright.y + y - pixel * (quarter in (2, 3)),
            upright.side,
            quarter * math.pi / 2,
        )
        held.append((np.rot90(picture, quarter), place))
    return held


def detected_square(box: Array, keypoints: Array, frame: Square) -> Square:
    """The landmark model's region around a detection: box [4] and keypoints [6, 2] in fractions of `frame`."""
    to_picture = frame.to_picture(1)
    low, high = transform(to_picture, box.reshape(2, 2))
    return _region(low, high, *transform(to_picture, keypoints[:2]))


def landmark_square(landmarks: Array) -> Square:
    """The landmark model's region around landmarks [478, 3] in pixels of the picture."""
    points = landmarks[:, :2]
    return _region(points.min(axis=0), points.max(axis=0), *points[list(EYE_CORNERS)])


def _region(low: Array, high: Array, first_eye: Array, second_eye: Array) -> Square:
    angle = math.atan2(second_eye[1] - first_eye[1], second_eye[0] - first_eye[0])
    middle = (low + high) / 2
    return Square(float(middle[0]), float(middle[1]), float((high - low).max()) * _ENLARGEMENT, angle)


def landmark_crop(image: RgbImage, square: Square) -> RgbImage:
    """The landmark model's input, uint8 [192, 192, 3]."""
    return cut(image, square.to_picture(LANDMARK_CROP_PX), LANDMARK_CROP_PX, repeat_border=True)


def landmarks_in_picture(landmarks: Array, square: Square) -> Array:
    """Landmarks [478, 3] in crop pixels → pixels of the picture; z keeps the scale of x and y."""
    points = transform(square.to_picture(LANDMARK_CROP_PX), landmarks[:, :2])
    return np.column_stack([points, landmarks[:, 2] * (square.side / LANDMARK_CROP_PX)])


def cut(image: RgbImage, matrix: Array, size_px: int, *, repeat_border: bool) -> RgbImage:
    """Bilinear crop uint8 [size, size, 3]; `matrix` [2, 3] maps its pixels to the picture's.

    Beyond the picture is black, or the nearest border pixel. Pictures finer than the crop are averaged first, because
    bilinear sampling alone would alias.
    """
    shrink = int(math.sqrt(abs(float(np.linalg.det(matrix[:, :2])))))
    if shrink > 1:
        image, matrix = _averaged(image, matrix, size_px, shrink)
    border = cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (size_px, size_px), flags=flags, borderMode=border), np.uint8)


def _averaged(image: RgbImage, matrix: Array, size_px: int, shrink: int) -> tuple[RgbImage, Array]:
    """The part of the picture that the crop shows, `shrink` times smaller, and the matrix to its pixels."""
    height, width = image.shape[:2]
    corners = transform(matrix, np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]], np.float64))
    left, top = np.floor(corners.min(axis=0)).astype(int) - shrink
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + shrink
    # At least one averaged pixel, also where the crop lies beyond the picture.
    left, top = int(np.clip(left, 0, max(0, width - shrink))), int(np.clip(top, 0, max(0, height - shrink)))
    right, bottom = int(np.clip(right, left + 1, width)), int(np.clip(bottom, top + 1, height))
    columns, rows = max(1, (right - left) // shrink), max(1, (bottom - top) // shrink)
    part = cv2.resize(image[top:bottom, left:right], (columns, rows), interpolation=cv2.INTER_AREA)
    factor = np.array([columns / (right - left), rows / (bottom - top)])
    offset = (matrix[:, 2] - [left, top] + 0.5) * factor - 0.5
    return np.asarray(part, np.uint8), np.column_stack([matrix[:, :2] * factor[:, None], offset])
