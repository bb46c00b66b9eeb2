"""Translates a whole TensorFlow Lite network into nodes of an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import ModelProto, TensorProto

from models.conversion.attention_layers import CUSTOM_LAYERS
from models.conversion.graph import GraphBuilder
from models.conversion.tflite_file import TfliteFile
from models.conversion.tflite_layers import BUILTIN_LAYERS
from models.conversion.translation import Translation, UnsupportedLayer

_LAYERS = {**BUILTIN_LAYERS, **CUSTOM_LAYERS}


@dataclass(frozen=True)
class NetworkOutput:
    """An output of the network: its ONNX value, and its shape per item in TensorFlow's order."""

    value: str
    shape: tuple[int, ...]


def translate(file: TfliteFile, graph: GraphBuilder, image: str) -> dict[str, NetworkOutput]:
    """Adds the network to `graph`, reading the NCHW float picture `image`; outputs by their stored names.

    Pictures among the outputs stay NCHW. Raises UnsupportedLayer for a layer with no translation.
    """
    translation = Translation(file, graph, image)
    for operator in file.operators:
        layer = _LAYERS.get(operator.name)
        if layer is None:
            raise UnsupportedLayer(operator.name)
        value = layer(translation, operator)
        if value is not None:
            translation.values[operator.output] = value
    return {
        name: NetworkOutput(translation.value(index), file.shape(index)[1:]) for name, index in file.outputs.items()
    }


def bare_network(content: bytes) -> ModelProto:
    """The network alone, float NHWC picture in and flat float outputs, for comparison with the original."""
    file, graph = TfliteFile(content), GraphBuilder()
    image = graph.node("Transpose", ["image"], perm=[0, 3, 1, 2])
    flat = {}
    for name, output in translate(file, graph, image).items():
        value = output.value
        size = 1
        for length in output.shape:
            size *= length
        if len(output.shape) == 3:
            value = graph.node("Transpose", [value], perm=[0, 2, 3, 1])
        flat[name] = (graph.reshape(value, [-1, size]), [size])
    return graph.finish("network", "image", TensorProto.FLOAT, file.shape(file.input)[1:], flat)
