"""Builds the ONNX file of the landmark model: the network plus the merge of its six outputs."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from models.conversion.graph import GraphBuilder, serialize
from models.conversion.sources import Sources
from models.conversion.tflite_file import TfliteFile
from models.conversion.tflite_network import NetworkOutput, translate
from models.face_landmarks import IRIS_POINTS, MESH_POINTS, POINTS, SIZE

FILE = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
# The first 16 points of an eye region are its rim; an iris lies at their mean depth.
EYE_RIM_POINTS = 16
REGION_OUTPUTS = ("output_lips", "output_left_eye", "output_right_eye")
IRIS_OUTPUTS = ("output_left_iris", "output_right_iris")


def region_points(file: TfliteFile) -> list[list[int]]:
    """Mesh indices of lips, left eye and right eye, in the order of the refined outputs.

    The file names them itself: they are the subsets that the region crops are laid around.
    """
    return [
        [int(index) for index in operator.settings["subset_idxs"]]
        for operator in file.operators
        if operator.name == "Landmarks2TransformMatrix"
    ]


def merge_order(regions: list[list[int]]) -> np.ndarray:
    """For each of 478 points its place among mesh, lips, left eye, right eye and irises laid end to end."""
    order = np.arange(POINTS)
    place = MESH_POINTS
    irises = np.arange(MESH_POINTS, POINTS).reshape(2, IRIS_POINTS)
    for points in [*regions, *irises]:
        order[points] = place + np.arange(len(points))
        place += len(points)
    return order


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file: image uint8 (192, 192, 3) → landmarks (478, 3), presence (1).

    Landmarks are in pixels of the crop; z has the same scale, smaller is nearer to the viewer.
    """
    file, graph = TfliteFile(sources.read("mediapipe", FILE)), GraphBuilder()
    network = translate(file, graph, graph.image("image", 0.0, 1.0))
    landmarks = _merge(graph, network, region_points(file))
    presence = graph.node("Sigmoid", [graph.reshape(network["conv_faceflag"].value, [-1, 1])])
    return serialize(
        graph.finish(
            "face_landmarks",
            "image",
            TensorProto.UINT8,
            [SIZE, SIZE, 3],
            {"landmarks": (landmarks, [POINTS, 3]), "presence": (presence, [1])},
        )
    )


def _merge(graph: GraphBuilder, network: dict[str, NetworkOutput], regions: list[list[int]]) -> str:
    """Refined x and y replace those of the mesh; depth stays the mesh's."""
    mesh = graph.reshape(network["output_mesh_identity"].value, [-1, MESH_POINTS, 3])
    depth = graph.slice(mesh, 2, 3, 2)
    refined = [
        graph.reshape(network[name].value, [-1, network[name].shape[-1] // 2, 2])
        for name in (*REGION_OUTPUTS, *IRIS_OUTPUTS)
    ]
    flat = graph.node("Concat", [graph.slice(mesh, 0, 2, 2), *refined], axis=1)
    places = graph.node("Gather", [flat, graph.integers(merge_order(regions))], axis=1)

    depths = [depth]
    for eye in regions[1:]:
        rim = graph.node("Gather", [depth, graph.integers(eye[:EYE_RIM_POINTS])], axis=1)
        mean = graph.node("ReduceMean", [rim], axes=[1], keepdims=1)
        depths.append(graph.node("Expand", [mean, graph.integers([1, IRIS_POINTS, 1])]))
    return graph.node("Concat", [places, graph.node("Concat", depths, axis=1)], axis=2)
