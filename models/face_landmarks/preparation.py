"""How a picture becomes the inputs of the detectors and of the landmark model, and its outputs come back."""

from __future__ import annotations

import math

import numpy as np

from models.conversion.warp import Square, apply, cut
from models.face_landmarks import SIZE

# Room around the detected face that the landmark model was trained with.
_ENLARGEMENT = 1.5


def letterbox(picture: np.ndarray, size: int) -> tuple[np.ndarray, Square]:
    """The whole HWC picture in a square with black borders, and the square's place in the picture."""
    height, width = picture.shape[:2]
    square = Square(width / 2, height / 2, max(height, width))
    return cut(picture, square.matrix(size), size, repeat_border=False), square


def face_square(box: np.ndarray, keypoints: np.ndarray, frame: Square) -> Square:
    """The crop for the landmark model from one detected face; keypoints 0 and 1 are the eyes."""
    matrix = frame.matrix(1)
    low, high = apply(matrix, box.reshape(2, 2))
    first, second = apply(matrix, keypoints)[:2]
    angle = math.atan2(second[1] - first[1], second[0] - first[0])
    middle = (low + high) / 2
    return Square(middle[0], middle[1], float((high - low).max()) * _ENLARGEMENT, angle)


def face_crop(picture: np.ndarray, square: Square) -> np.ndarray:
    """The input of the landmark model."""
    return cut(picture, square.matrix(SIZE), SIZE, repeat_border=True)


def to_picture(landmarks: np.ndarray, square: Square) -> np.ndarray:
    """Landmarks (478, 3) of the crop → pixels of the picture; z keeps the scale of x and y."""
    places = apply(square.matrix(SIZE), landmarks[:, :2])
    return np.column_stack([places, landmarks[:, 2] * square.side / SIZE])
