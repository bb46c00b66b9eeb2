"""Builds the ONNX file of the portrait matte."""

from __future__ import annotations

from onnx import TensorProto

from models.conversion.graph import GraphBuilder, serialize
from models.conversion.sources import Sources
from models.conversion.tflite_file import TfliteFile
from models.conversion.tflite_network import translate

FILE = "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite"
SIZE = 256


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file: image uint8 (256, 256, 3) → alpha (256, 256), 1 where the person is."""
    graph = GraphBuilder()
    image = graph.image("image", 0.0, 1.0)
    network = translate(TfliteFile(sources.read("mediapipe", FILE)), graph, image)
    (output,) = network.values()
    alpha = graph.reshape(output.value, [-1, SIZE, SIZE])
    return serialize(
        graph.finish(
            "portrait_matte",
            "image",
            TensorProto.UINT8,
            [SIZE, SIZE, 3],
            {"alpha": (alpha, [SIZE, SIZE])},
        )
    )
