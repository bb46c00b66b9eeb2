"""Turns the raw output of a BlazeFace detector into at most four faces, inside the graph.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019: anchors of
fixed size, and overlapping boxes blended by their scores in place of plain suppression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto

from models.conversion.graph import GraphBuilder
from models.conversion.tflite_file import TfliteFile
from models.conversion.tflite_network import translate

FACES = 4
KEYPOINTS = 6
OVERLAP = 0.3
_LOGIT_LIMIT = 100.0
# All small numbers below survive float16, which TensorRT may use.
_LEAST_AREA = 1e-6
_LEAST_WEIGHT = 1e-2


@dataclass(frozen=True)
class DetectorSpecification:
    """What the file does not say: input side in pixels, anchors as (cells per side, anchors per cell)."""

    name: str
    file: str
    size: int
    anchor_grids: tuple[tuple[int, int], ...]
    least_score: float


def anchor_centres(grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Anchor centres (A, 2), x and y in 0..1 of the input picture, row by row, grid after grid."""
    centres = []
    for cells, per_cell in grids:
        rows, columns = np.mgrid[0:cells, 0:cells]
        grid = np.stack([(columns + 0.5) / cells, (rows + 0.5) / cells], axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, per_cell, axis=0))
    return np.concatenate(centres).astype(np.float32)


def detector(content: bytes, specification: DetectorSpecification) -> ModelProto:
    """image uint8 (size, size, 3) → boxes (4, 4), keypoints (4, 6, 2), scores (4), best first.

    Coordinates are fractions of the input picture; absent faces have score 0 and zero coordinates.
    """
    graph = GraphBuilder()
    image = graph.image("image", -1.0, 1.0)
    network = translate(TfliteFile(content), graph, image)
    regression = next(output.value for output in network.values() if output.shape[-1] == 16)
    logits = next(output.value for output in network.values() if output.shape[-1] == 1)
    features, scores = _candidates(graph, regression, logits, specification)
    faces, best = _blend_overlapping(graph, features, scores)
    size = specification.size
    return graph.finish(
        specification.name,
        "image",
        TensorProto.UINT8,
        [size, size, 3],
        {
            "boxes": (graph.slice(faces, 0, 4, 2), [FACES, 4]),
            "keypoints": (
                graph.reshape(graph.slice(faces, 4, 16, 2), [-1, FACES, KEYPOINTS, 2]),
                [FACES, KEYPOINTS, 2],
            ),
            "scores": (graph.reshape(best, [-1, FACES]), [FACES]),
        },
    )


def _candidates(
    graph: GraphBuilder, regression: str, logits: str, specification: DetectorSpecification
) -> tuple[str, str]:
    """Box corners and keypoints (N, A, 16) and scores (N, A, 1), zero where an anchor holds no face."""
    centres = anchor_centres(specification.anchor_grids)
    offsets = np.tile(centres, 8)  # (A, 16): centre, size, six keypoints
    offsets[:, 2:4] = 0
    decoded = graph.node(
        "Add",
        [graph.node("Mul", [regression, graph.floats(1 / specification.size)]), graph.floats(offsets)],
    )
    middle = graph.slice(decoded, 0, 2, 2)
    half = graph.node("Mul", [graph.slice(decoded, 2, 4, 2), graph.floats(0.5)])
    low, high = graph.node("Sub", [middle, half]), graph.node("Add", [middle, half])
    features = graph.node("Concat", [low, high, graph.slice(decoded, 4, 16, 2)], axis=2)

    limits = [graph.floats(-_LOGIT_LIMIT), graph.floats(_LOGIT_LIMIT)]
    flat = graph.reshape(logits, [-1, len(centres), 1])
    score = graph.node("Sigmoid", [graph.node("Clip", [flat, *limits])])
    sure = graph.node("GreaterOrEqual", [score, graph.floats(specification.least_score)])
    real = graph.node("Greater", [_area(graph, low, high), graph.floats(_LEAST_AREA)])
    kept = graph.node("Cast", [graph.node("And", [sure, real])], to=TensorProto.FLOAT)
    return features, graph.node("Mul", [score, kept])


def _blend_overlapping(graph: GraphBuilder, features: str, scores: str) -> tuple[str, str]:
    """Unrolled: take the best candidate, blend all that overlap it by score, strike them out, repeat."""
    low, high = graph.slice(features, 0, 2, 2), graph.slice(features, 2, 4, 2)
    area = _area(graph, low, high)
    faces, best = [], []
    for _ in range(FACES):
        top_score, top = graph.node_with_outputs("TopK", [scores, graph.integers([1])], 2, axis=1, largest=1, sorted=1)
        # All 16 columns: OpenVINO wants index and data to agree on every axis but the gathered one.
        columns = graph.node("Expand", [top, graph.integers([1, 1, 16])])
        chosen = graph.node("GatherElements", [features, columns], axis=1)  # (N, 1, 16)
        shared = _area(
            graph,
            graph.node("Max", [low, graph.slice(chosen, 0, 2, 2)]),
            graph.node("Min", [high, graph.slice(chosen, 2, 4, 2)]),
        )
        own = graph.node("GatherElements", [area, top], axis=1)
        union = graph.node("Sub", [graph.node("Add", [area, own]), shared])
        overlap = graph.node("Div", [shared, graph.node("Max", [union, graph.floats(_LEAST_AREA)])])
        same = graph.node("Cast", [graph.node("Greater", [overlap, graph.floats(OVERLAP)])], to=TensorProto.FLOAT)
        weights = graph.node("Mul", [scores, same])  # (N, A, 1)
        total = graph.node("ReduceSum", [weights, graph.integers([1])], keepdims=1)
        mixed = graph.node("MatMul", [graph.node("Transpose", [weights], perm=[0, 2, 1]), features])
        faces.append(graph.node("Div", [mixed, graph.node("Max", [total, graph.floats(_LEAST_WEIGHT)])]))
        best.append(top_score)
        scores = graph.node("Sub", [scores, weights])
    return graph.node("Concat", faces, axis=1), graph.node("Concat", best, axis=1)


def _area(graph: GraphBuilder, low: str, high: str) -> str:
    """Area (N, A, 1) of boxes given by two corners (N, A, 2); 0 when they are swapped."""
    sides = graph.node("Relu", [graph.node("Sub", [high, low])])
    return graph.node("Mul", [graph.slice(sides, 0, 1, 2), graph.slice(sides, 1, 2, 2)])
