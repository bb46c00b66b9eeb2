"""Measures the ONNX file of `face_landmarks` against the network it was made of."""

from __future__ import annotations

import numpy as np

from models.conversion.parity import (
    Measurement,
    batch_difference,
    largest_difference,
    network_difference,
    run_tflite,
    scaled,
)
from models.conversion.pictures import faces
from models.conversion.sessions import run_onnx
from models.conversion.sources import Sources
from models.conversion.tflite_file import TfliteFile
from models.face_landmarks import IRIS_POINTS, MESH_POINTS, POINTS, SIZE
from models.face_landmarks.export import EYE_RIM_POINTS, FILE, IRIS_OUTPUTS, REGION_OUTPUTS, region_points


def measure(content: bytes, sources: Sources) -> list[Measurement]:
    """The figures of the parity gate."""
    tflite = sources.read("mediapipe", FILE)
    pictures = faces(SIZE)
    images = scaled(pictures, 0.0, 1.0)
    original = run_tflite(tflite, images)
    found = run_onnx(content, pictures)
    regions = region_points(TfliteFile(tflite))
    merged = np.stack([_merge(original, regions, index) for index in range(len(pictures))])
    presence = 1 / (1 + np.exp(-original["conv_faceflag"].astype(np.float64)))
    return [
        Measurement("network vs. original", network_difference(tflite, images, original), 1e-4, "of the range"),
        Measurement("landmarks", largest_difference(found["landmarks"], merged), 1e-2, "pixels of 192"),
        Measurement("presence", largest_difference(found["presence"], presence), 1e-4, ""),
        Measurement("batch of 8 vs. 8 calls", batch_difference(content, pictures), 1e-4, "pixels of 192"),
    ]


def _merge(original: dict[str, np.ndarray], regions: list[list[int]], index: int) -> np.ndarray:
    """The 478-point merge of one picture, written point by point."""
    points = np.zeros((POINTS, 3))
    points[:MESH_POINTS] = original["output_mesh_identity"][index].reshape(-1, 3)
    depth = points[:MESH_POINTS, 2].copy()
    for name, region in zip(REGION_OUTPUTS, regions, strict=True):
        for point, place in zip(region, original[name][index].reshape(-1, 2), strict=True):
            points[point, :2] = place
    for eye, name in enumerate(IRIS_OUTPUTS):
        iris = slice(MESH_POINTS + eye * IRIS_POINTS, MESH_POINTS + (eye + 1) * IRIS_POINTS)
        points[iris, :2] = original[name][index].reshape(-1, 2)
        points[iris, 2] = depth[regions[1 + eye][:EYE_RIM_POINTS]].mean()
    return points
