"""MediaPipe's custom layers (attention mesh, transposed convolution) as plain ONNX nodes.

The attention mesh cuts regions (lips, eyes) out of a feature map along the face it has just found:
landmarks → similarity transform → bilinear crop → refined landmarks → transformed back.
"""

from __future__ import annotations

import numpy as np

from models.conversion.tflite_file import Operator
from models.conversion.tflite_layers import Layer
from models.conversion.translation import Translation, UnsupportedLayer

_PADDING_SAME = 1  # TfLitePadding counts from 1, the schema's Padding from 0
_CROP_VERSION = 2  # version 1 samples at pixel corners


def _transposed_convolution(translation: Translation, operator: Operator) -> str:
    padding, stride_x, stride_y = np.frombuffer(operator.custom_options, np.int32)[:3].tolist()
    weights = translation.constant(operator.inputs[1])  # (outputs, height, width, inputs)
    height, width = weights.shape[1:3]
    if padding == _PADDING_SAME and (height > stride_y or width > stride_x):
        raise UnsupportedLayer("transposed convolution with overlapping windows and SAME padding")
    graph = translation.graph
    return graph.node(
        "ConvTranspose",
        [
            translation.value(operator.inputs[0]),
            graph.weight(weights.transpose(3, 0, 1, 2)),
            graph.weight(translation.constant(operator.inputs[2])),
        ],
        kernel_shape=[height, width],
        strides=[stride_y, stride_x],
    )


def _region_transform(translation: Translation, operator: Operator) -> str:
    """Landmarks (N, 468, 3) → matrix (N, 4, 4) from crop pixels to picture pixels.

    The crop is the box around a subset of landmarks, turned so that the line between two of them is
    level, and enlarged by a scale. cos and sin come from the normalised line itself, without an arctangent.
    """
    settings = operator.settings
    if settings["target_rotation_radians"] != 0:
        raise UnsupportedLayer("a region with a target angle other than 0")
    graph = translation.graph
    height, width = int(settings["output_height"]), int(settings["output_width"])
    points = graph.slice(translation.value(operator.inputs[0]), 0, 2, 2)  # (N, 468, 2)

    ends = [int(settings["left_rotation_idx"]), int(settings["right_rotation_idx"])]
    line_ends = graph.node("Gather", [points, graph.integers(ends)], axis=1)
    line = graph.node("Sub", [graph.slice(line_ends, 1, 2, 1), graph.slice(line_ends, 0, 1, 1)])
    direction = graph.node("Div", [line, graph.node("ReduceL2", [line], axes=[2], keepdims=1)])
    cosine, sine = graph.slice(direction, 0, 1, 2), graph.slice(direction, 1, 2, 2)  # (N, 1, 1)
    upper = graph.node("Concat", [cosine, graph.node("Neg", [sine])], axis=2)
    lower = graph.node("Concat", [sine, cosine], axis=2)
    rotation = graph.node("Concat", [upper, lower], axis=1)  # (N, 2, 2)

    subset = graph.integers([int(index) for index in settings["subset_idxs"]])
    level = graph.node("MatMul", [graph.node("Gather", [points, subset], axis=1), rotation])
    largest = graph.node("ReduceMax", [level], axes=[1], keepdims=1)  # (N, 1, 2)
    least = graph.node("ReduceMin", [level], axes=[1], keepdims=1)
    middle = graph.node("Mul", [graph.node("Add", [largest, least]), graph.floats(0.5)])
    centre = graph.node("MatMul", [rotation, graph.node("Transpose", [middle], perm=[0, 2, 1])])  # (N, 2, 1)
    per_pixel = graph.floats([[[settings["scale_x"] / width, settings["scale_y"] / height]]])
    linear = graph.node("Mul", [rotation, graph.node("Mul", [graph.node("Sub", [largest, least]), per_pixel])])
    to_corner = graph.floats([[[-width / 2], [-height / 2]]])
    offset = graph.node("Add", [graph.node("MatMul", [linear, to_corner]), centre])  # (N, 2, 1)

    zero = graph.floats(0)
    depth_column = graph.node("Mul", [offset, zero])
    top = graph.node("Concat", [linear, depth_column, offset], axis=2)  # (N, 2, 4)
    bottom = graph.node("Add", [graph.node("Mul", [top, zero]), graph.floats([[[0, 0, 1, 0], [0, 0, 0, 1]]])])
    return graph.node("Concat", [top, bottom], axis=1)


def _region_crop(translation: Translation, operator: Operator) -> str:
    """Feature map (N, C, H, W) and matrix (N, 4, 4) → crop; samples outside the map are zero."""
    if operator.version != _CROP_VERSION:
        raise UnsupportedLayer(f"bilinear crop of version {operator.version}")
    graph = translation.graph
    height, width = int(operator.settings["output_height"]), int(operator.settings["output_width"])
    map_height, map_width = translation.file.shape(operator.inputs[0])[1:3]
    rows, columns = np.mgrid[0:height, 0:width]
    centres = np.stack([columns + 0.5, rows + 0.5, np.zeros_like(rows), np.ones_like(rows)]).reshape(4, -1)
    matrix = graph.slice(translation.value(operator.inputs[1]), 0, 2, 1)
    places = graph.node(
        "Sub", [graph.node("MatMul", [matrix, graph.floats(centres)]), graph.floats(0.5)]
    )  # (N, 2, height * width), x then y

    last = graph.floats([[[map_width - 1], [map_height - 1]]])
    inside = graph.node(
        "And",
        [
            graph.node("GreaterOrEqual", [places, graph.floats(0)]),
            graph.node("LessOrEqual", [places, last]),
        ],
    )
    both_axes = graph.node("ReduceMin", [graph.node("Cast", [inside], to=1)], axes=[1], keepdims=1)
    mask = graph.reshape(both_axes, [-1, 1, height, width])

    to_unit = graph.floats([[[2 / (map_width - 1)], [2 / (map_height - 1)]]])
    unit = graph.node("Sub", [graph.node("Mul", [places, to_unit]), graph.floats(1)])
    grid = graph.reshape(graph.node("Transpose", [unit], perm=[0, 2, 1]), [-1, height, width, 2])
    crop = graph.node(
        "GridSample",
        [translation.value(operator.inputs[0]), grid],
        mode="bilinear",
        padding_mode="zeros",
        align_corners=1,
    )
    return graph.node("Mul", [crop, mask])


def _transformed_landmarks(translation: Translation, operator: Operator) -> str:
    """Landmarks of a crop (N, K, 2) and its matrix (N, 4, 4) → landmarks of the picture (N, K, 2)."""
    graph = translation.graph
    top = graph.slice(translation.value(operator.inputs[1]), 0, 2, 1)  # (N, 2, 4)
    linear, offset = graph.slice(top, 0, 2, 2), graph.slice(top, 3, 4, 2)
    turned = graph.node(
        "MatMul",
        [translation.value(operator.inputs[0]), graph.node("Transpose", [linear], perm=[0, 2, 1])],
    )
    return graph.node("Add", [turned, graph.node("Transpose", [offset], perm=[0, 2, 1])])


CUSTOM_LAYERS: dict[str, Layer] = {
    "Convolution2DTransposeBias": _transposed_convolution,
    "Landmarks2TransformMatrix": _region_transform,
    "TransformLandmarks": _transformed_landmarks,
    "TransformTensorBilinear": _region_crop,
}
