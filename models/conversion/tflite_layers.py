"""TensorFlow Lite's built-in layers as ONNX nodes. Each function returns the name of its output value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.conversion.tflite_file import Operator
from models.conversion.translation import Padding, Translation, UnsupportedLayer

Layer = Callable[[Translation, Operator], str | None]

_SAME = schema.Padding.SAME
_NCHW_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def activated(translation: Translation, value: str, function: int) -> str:
    """Applies the activation that TensorFlow Lite fuses into a layer."""
    kinds = schema.ActivationFunctionType
    if function == kinds.NONE:
        return value
    if function == kinds.RELU:
        return translation.graph.node("Relu", [value])
    if function == kinds.RELU6:
        graph = translation.graph
        return graph.node("Clip", [value, graph.floats(0), graph.floats(6)])
    raise UnsupportedLayer(f"fused activation {function}")


def _dequantize(translation: Translation, operator: Operator) -> None:
    """float16 weights are constants already; nothing is computed at run time."""
    translation.constants[operator.output] = translation.constant(operator.inputs[0]).astype(np.float32)


def _convolution(translation: Translation, operator: Operator, weights: np.ndarray, groups: int) -> str:
    """`weights` is (outputs, inputs per group, height, width)."""
    options = operator.options
    kernel = (int(weights.shape[2]), int(weights.shape[3]))
    stride = (int(options.strideH), int(options.strideW))
    dilation = (int(options.dilationHFactor), int(options.dilationWFactor))
    picture, padding = translation.padded_operand(operator.inputs[0], kernel, stride, dilation, options.padding)
    operands = [picture, translation.graph.weight(weights)]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        operands.append(translation.graph.weight(translation.constant(operator.inputs[2])))
    value = translation.graph.node(
        "Conv",
        operands,
        kernel_shape=kernel,
        strides=stride,
        dilations=dilation,
        group=groups,
        pads=padding.as_onnx(),
    )
    return activated(translation, value, options.fusedActivationFunction)


def _full_convolution(translation: Translation, operator: Operator) -> str:
    weights = translation.constant(operator.inputs[1])  # (outputs, height, width, inputs)
    return _convolution(translation, operator, weights.transpose(0, 3, 1, 2), 1)


def _depthwise_convolution(translation: Translation, operator: Operator) -> str:
    weights = translation.constant(operator.inputs[1])  # (1, height, width, outputs)
    channels = translation.file.shape(operator.inputs[0])[3]
    return _convolution(translation, operator, weights.transpose(3, 0, 1, 2), channels)


def _parametric_relu(translation: Translation, operator: Operator) -> str:
    slopes = translation.constant(operator.inputs[1])
    if slopes.ndim == 3:
        slopes = slopes.transpose(2, 0, 1)
    return translation.graph.node("PRelu", [translation.value(operator.inputs[0]), translation.graph.weight(slopes)])


def _binary(onnx_operator: str) -> Layer:
    def layer(translation: Translation, operator: Operator) -> str:
        first, second = (translation.value(index) for index in operator.inputs)
        function = operator.options.fusedActivationFunction if operator.options else 0
        return activated(translation, translation.graph.node(onnx_operator, [first, second]), function)

    return layer


def _unary(onnx_operator: str) -> Layer:
    def layer(translation: Translation, operator: Operator) -> str:
        return translation.graph.node(onnx_operator, [translation.value(operator.inputs[0])])

    return layer


def _pool(onnx_operator: str) -> Layer:
    def layer(translation: Translation, operator: Operator) -> str:
        options = operator.options
        source = operator.inputs[0]
        kernel = (int(options.filterHeight), int(options.filterWidth))
        stride = (int(options.strideH), int(options.strideW))
        average = onnx_operator == "AveragePool"
        if average and kernel == translation.file.shape(source)[1:3]:
            value = translation.graph.node("GlobalAveragePool", [translation.value(source)])
        else:
            border = options.padding == _SAME
            if average and border:
                raise UnsupportedLayer("average pool with SAME padding")
            padding = translation.same_padding(source, kernel, stride) if border else Padding()
            value = translation.graph.node(
                onnx_operator,
                [translation.value(source)],
                kernel_shape=kernel,
                strides=stride,
                pads=padding.as_onnx(),
            )
        return activated(translation, value, options.fusedActivationFunction)

    return layer


def _pad(translation: Translation, operator: Operator) -> str | None:
    """A spatial PAD read by convolutions only becomes their own padding; any other is a Pad node."""
    amounts = translation.constant(operator.inputs[1]).astype(int)  # (4 axes, before and after)
    spatial = not amounts[0].any() and not amounts[3].any()
    readers = translation.file.readers(operator.output)
    if spatial and all(reader.name in _CONVOLUTIONS for reader in readers):
        (top, bottom), (left, right) = amounts[1].tolist(), amounts[2].tolist()
        translation.pending_padding[operator.output] = (
            operator.inputs[0],
            Padding(top, left, bottom, right),
        )
        return None
    pads = [int(amounts[axis][side]) for side in (0, 1) for axis in (0, 3, 1, 2)]
    return translation.graph.node("Pad", [translation.value(operator.inputs[0]), translation.graph.integers(pads)])


def _reshape(translation: Translation, operator: Operator) -> str:
    """The order of the values is TensorFlow's, so a picture returns to NHWC first."""
    shape = translation.file.shape(operator.output)
    if len(shape) == 4 and shape[1:3] != (1, 1):
        raise UnsupportedLayer(f"reshape to {shape}")
    source = translation.file.shape(operator.inputs[0])
    value = translation.value(operator.inputs[0])
    if len(source) == 4 and source[1:3] != (1, 1):
        value = translation.graph.node("Transpose", [value], perm=[0, 2, 3, 1])
    target = [shape[3], 1, 1] if len(shape) == 4 else list(shape[1:])
    return translation.graph.reshape(value, [-1, *target])


def _concatenate(translation: Translation, operator: Operator) -> str:
    rank = len(translation.file.shape(operator.output))
    axis = int(operator.options.axis) % rank
    return translation.graph.node(
        "Concat",
        [translation.value(index) for index in operator.inputs],
        axis=_NCHW_AXIS[axis] if rank == 4 else axis,
    )


def _coordinate_mode(options: Any) -> str:
    if options.alignCorners:
        return "align_corners"
    return "half_pixel" if options.halfPixelCenters else "asymmetric"


def _resize_bilinear(translation: Translation, operator: Operator) -> str:
    source = translation.file.shape(operator.inputs[0])
    target = translation.file.shape(operator.output)
    factors = [1, 1, target[1] / source[1], target[2] / source[2]]
    return translation.graph.node(
        "Resize",
        [translation.value(operator.inputs[0]), "", translation.graph.floats(factors)],
        mode="linear",
        coordinate_transformation_mode=_coordinate_mode(operator.options),
    )


def _depth_to_space(translation: Translation, operator: Operator) -> str:
    return translation.graph.node(
        "DepthToSpace",
        [translation.value(operator.inputs[0])],
        blocksize=int(operator.options.blockSize),
        mode="DCR",
    )


def _whole_slice(translation: Translation, operator: Operator) -> str:
    """Only the slice that takes everything occurs."""
    start, _, step = (translation.constant(index) for index in operator.inputs[1:4])
    same = translation.file.shape(operator.output) == translation.file.shape(operator.inputs[0])
    if not same or start.any() or (step != 1).any():
        raise UnsupportedLayer("a slice that drops values")
    return translation.value(operator.inputs[0])


BUILTIN_LAYERS: dict[str, Layer] = {
    "ADD": _binary("Add"),
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "CONCATENATION": _concatenate,
    "CONV_2D": _full_convolution,
    "DENSIFY": _dequantize,
    "DEPTHWISE_CONV_2D": _depthwise_convolution,
    "DEPTH_TO_SPACE": _depth_to_space,
    "DEQUANTIZE": _dequantize,
    "HARD_SWISH": _unary("HardSwish"),
    "LOGISTIC": _unary("Sigmoid"),
    "MAX_POOL_2D": _pool("MaxPool"),
    "MUL": _binary("Mul"),
    "PAD": _pad,
    "PRELU": _parametric_relu,
    "RELU": _unary("Relu"),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize_bilinear,
    "STRIDED_SLICE": _whole_slice,
}
