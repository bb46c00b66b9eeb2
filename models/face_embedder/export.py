"""Builds the ONNX file of the face embedder from dlib's weights."""

from __future__ import annotations

import math

import numpy as np
from onnx import ModelProto, TensorProto

from models.conversion.dlib_layers import SIZE, DlibNetwork, Layer, read_network
from models.conversion.graph import GraphBuilder, serialize
from models.conversion.sources import Sources

FILE = "face_recognition_models-0.3.0/face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"
DIMENSIONS = 128
# dlib divides by 256, not 255.
_WHITE = 255.0 / 256.0

Shape = tuple[int, int, int]  # channels, height, width


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file: image uint8 (150, 150, 3), an aligned face → descriptor (128), not normalised.

    Weights are stored as float16.
    """
    return serialize(embedder(read_network(sources.read("face_recognition_models", FILE))))


def embedder(network: DlibNetwork, half_weights: bool = True) -> ModelProto:
    """The network as ONNX, each affine layer folded into the convolution before it."""
    graph = GraphBuilder()
    value, shape = graph.image("image", 0.0, _WHITE), (3, SIZE, SIZE)
    kept: dict[str, tuple[str, Shape]] = {}
    mean: list[float] | None = [colour / 256.0 for colour in network.mean_colour]
    for layer, following in zip(network.layers, [*network.layers[1:], None], strict=True):
        action, _, operand = layer.step.partition(" ")
        if layer.step == "average all":
            value = graph.node("Flatten", [graph.node("GlobalAveragePool", [value])], axis=1)
        elif layer.step == "project":
            weights = graph.weight(layer.arrays["weights"], round_to_half=half_weights)
            value = graph.node("MatMul", [value, weights])
        elif action == "convolve":
            weights, bias = _folded(layer, following, mean)
            mean = None
            operands = [value, graph.weight(weights, round_to_half=half_weights), graph.constant(bias)]
            value = graph.node("Conv", operands, **_window(layer))
            shape = (len(bias), *_output_size(layer, shape))
        elif action in ("maximum", "average"):
            kind = "MaxPool" if action == "maximum" else "AveragePool"
            value = graph.node(kind, [value], **_window(layer))
            shape = (shape[0], *_output_size(layer, shape))
        elif action == "rectify":
            value = graph.node("Relu", [value])
        elif action == "keep":
            kept[operand] = (value, shape)
        elif action == "recall":
            value, shape = kept[operand]
        elif action == "add":
            value, shape = _sum(graph, (value, shape), kept[operand])
    outputs = {"descriptor": (value, [DIMENSIONS])}
    return graph.finish("face_embedder", "image", TensorProto.UINT8, [SIZE, SIZE, 3], outputs)


def _window(layer: Layer) -> dict[str, list[int]]:
    return {
        "kernel_shape": [layer.kernel] * 2,
        "strides": [layer.stride] * 2,
        "pads": [layer.padding] * 4,
    }


def _output_size(layer: Layer, shape: Shape) -> tuple[int, int]:
    height, width = ((side + 2 * layer.padding - layer.kernel) // layer.stride + 1 for side in shape[1:])
    return height, width


def _folded(layer: Layer, scale: Layer | None, mean: list[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias with the following affine layer in them, and the mean colour where there is one.

    The mean can be folded because the first convolution has no padding. fsum makes the result independent
    of the order in which a processor adds.
    """
    if scale is None or scale.step != "scale":
        raise ValueError("a convolution without an affine layer after it")
    gain = scale.arrays["gain"].astype(np.float64)
    weights = layer.arrays["weights"].astype(np.float64) * gain[:, None, None, None]
    bias = layer.arrays["bias"].astype(np.float64) * gain + scale.arrays["shift"].astype(np.float64)
    if mean is not None:
        if layer.padding:
            raise ValueError("the mean colour cannot be folded into a padded convolution")
        shifted = weights * np.asarray(mean)[None, :, None, None]
        bias = bias - [math.fsum(filter_.ravel().tolist()) for filter_ in shifted]
    return weights.astype(np.float32), bias.astype(np.float32)


def _sum(graph: GraphBuilder, first: tuple[str, Shape], second: tuple[str, Shape]) -> tuple[str, Shape]:
    """dlib adds tensors of different sizes as if zeros were appended."""
    size: Shape = tuple(max(pair) for pair in zip(first[1], second[1], strict=True))  # type: ignore[assignment]
    operands = []
    for value, shape in (first, second):
        missing = [0, *(want - have for want, have in zip(size, shape, strict=True))]
        if any(missing):
            value = graph.node("Pad", [value, graph.integers([0, 0, 0, 0, *missing])])
        operands.append(value)
    return graph.node("Add", operands), size
