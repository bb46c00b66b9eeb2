"""Measures the ONNX file of `portrait_matte` against the network it was made of."""

from __future__ import annotations

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
from models.portrait_matte.export import FILE, SIZE


def measure(content: bytes, sources: Sources) -> list[Measurement]:
    """The figures of the parity gate."""
    tflite = sources.read("mediapipe", FILE)
    pictures = portraits(SIZE)
    images = scaled(pictures, 0.0, 1.0)
    original = run_tflite(tflite, images)
    (expected,) = original.values()
    alpha = run_onnx(content, pictures)["alpha"]
    return [
        Measurement("network vs. original", network_difference(tflite, images, original), 5e-3, ""),
        Measurement("alpha", largest_difference(alpha, expected.reshape(-1, SIZE, SIZE)), 5e-3, ""),
        Measurement("batch of 8 vs. 8 calls", batch_difference(content, pictures), 1e-6, ""),
    ]
