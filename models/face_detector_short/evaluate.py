"""Measures the ONNX file of `face_detector_short` against the network it was made of."""

from __future__ import annotations

from models.conversion.detection_parity import measure_detector
from models.conversion.parity import Measurement
from models.conversion.sources import Sources
from models.face_detector_short.export import SPECIFICATION


def measure(content: bytes, sources: Sources) -> list[Measurement]:
    """The figures of the parity gate."""
    return measure_detector(content, sources, SPECIFICATION)
