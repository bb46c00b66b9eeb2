"""The parity gate of both face detectors: network, decoding and batching."""

from __future__ import annotations

import numpy as np

from models.conversion.detection_head import DetectorSpecification
from models.conversion.detection_reference import decode
from models.conversion.parity import (
    Measurement,
    batch_difference,
    largest_difference,
    network_difference,
    run_tflite,
    scaled,
)
from models.conversion.pictures import portraits
from models.conversion.sessions import run_onnx
from models.conversion.sources import Sources


def measure_detector(content: bytes, sources: Sources, specification: DetectorSpecification) -> list[Measurement]:
    """Compares a detector's ONNX file with the original network decoded in numpy."""
    pictures = portraits(specification.size)
    tflite = sources.read("mediapipe", specification.file)
    original = run_tflite(tflite, scaled(pictures, -1.0, 1.0))
    regression = max(original.values(), key=lambda values: values.shape[1])
    logits = min(original.values(), key=lambda values: values.shape[1])
    found = run_onnx(content, pictures)

    miscounted, box_error, score_error, total = 0, 0.0, 0.0, 0
    for index in range(len(pictures)):
        faces = decode(regression[index].reshape(-1, 16), logits[index], specification)
        total += len(faces)
        miscounted += int(len(faces) != int((found["scores"][index] > 0).sum()))
        for place, face in enumerate(faces):
            box_error = max(
                box_error,
                largest_difference(found["boxes"][index, place], face.box),
                largest_difference(found["keypoints"][index, place], face.keypoints),
            )
            score_error = max(score_error, abs(float(found["scores"][index, place]) - face.score))
    return [
        Measurement(
            "network vs. original",
            network_difference(tflite, scaled(pictures, -1.0, 1.0), original),
            1e-4,
            "of the range",
        ),
        Measurement("pictures with another number of faces", miscounted, 0, "pictures"),
        Measurement("pictures without a face, of 8", int(np.sum(found["scores"][:, 0] == 0)), 4, "pictures"),
        Measurement(f"boxes and keypoints of {total} faces", box_error, 1e-4, "of the side"),
        Measurement("scores", score_error, 1e-4, ""),
        Measurement("batch of 8 vs. 8 calls", batch_difference(content, pictures), 1e-6, ""),
    ]
