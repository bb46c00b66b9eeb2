"""MediaPipe's custom operators in numpy, pixel by pixel: the reference for the parity gate."""

from __future__ import annotations

import math

import numpy as np

from models.conversion.tflite_file import Operator
from models.conversion.tflite_segments import CustomOperator


def _transposed_convolution(operator: Operator, operands: list[np.ndarray]) -> np.ndarray:
    """Windows do not overlap, so every input pixel paints its own block."""
    picture, weights, bias = (operand.astype(np.float32) for operand in operands)
    _, height, width, _ = picture.shape
    outputs, rows, columns, _ = weights.shape
    blocks = np.einsum("yxi,oabi->yaxbo", picture[0], weights) + bias
    return np.asarray(blocks.reshape(height * rows, width * columns, outputs))


def _region_transform(operator: Operator, operands: list[np.ndarray]) -> np.ndarray:
    """The box around the landmarks, turned by the angle of a line, as a 4×4 matrix from crop to picture."""
    settings = operator.settings
    points = operands[0].reshape(-1, 3)[:, :2].astype(np.float64)
    left, right = points[settings["left_rotation_idx"]], points[settings["right_rotation_idx"]]
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    forward = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    level = points[[int(index) for index in settings["subset_idxs"]]] @ forward
    low, high = level.min(axis=0), level.max(axis=0)
    crop = np.array([settings["output_width"], settings["output_height"]])
    enlarged = (high - low) * np.array([settings["scale_x"], settings["scale_y"]])
    linear = forward @ np.diag(enlarged / crop)
    matrix = np.eye(4)
    matrix[:2, :2] = linear
    matrix[:2, 3] = forward @ ((low + high) / 2) - linear @ (crop / 2)
    return matrix


def _region_crop(operator: Operator, operands: list[np.ndarray]) -> np.ndarray:
    """Bilinear samples at pixel centres; zero where a sample falls outside."""
    picture, matrix = operands[0][0], operands[1].reshape(4, 4).astype(np.float64)
    height, width = int(operator.settings["output_height"]), int(operator.settings["output_width"])
    last_row, last_column = picture.shape[0] - 1, picture.shape[1] - 1
    crop = np.zeros((height, width, picture.shape[2]))
    for row in range(height):
        for column in range(width):
            x, y = (matrix @ [column + 0.5, row + 0.5, 0, 1])[:2] - 0.5
            if not (0 <= x <= last_column and 0 <= y <= last_row):
                continue
            x0, y0 = int(x), int(y)
            x1, y1 = min(x0 + 1, last_column), min(y0 + 1, last_row)
            upper = picture[y0, x0] * (x0 + 1 - x) + picture[y0, x1] * (x - x0)
            lower = picture[y1, x0] * (x0 + 1 - x) + picture[y1, x1] * (x - x0)
            crop[row, column] = upper * (y0 + 1 - y) + lower * (y - y0)
    return crop


def _transformed_landmarks(operator: Operator, operands: list[np.ndarray]) -> np.ndarray:
    matrix = operands[1].reshape(4, 4)
    return np.asarray([matrix[:2, :2] @ point + matrix[:2, 3] for point in operands[0].reshape(-1, 2)])


CUSTOM_OPERATORS: dict[str, CustomOperator] = {
    "Convolution2DTransposeBias": _transposed_convolution,
    "Landmarks2TransformMatrix": _region_transform,
    "TransformLandmarks": _transformed_landmarks,
    "TransformTensorBilinear": _region_crop,
}
