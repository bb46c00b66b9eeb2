"""Builds the ONNX file of the short-range face detector."""

from __future__ import annotations

from models.conversion.detection_head import DetectorSpecification, detector
from models.conversion.graph import serialize
from models.conversion.sources import Sources

SPECIFICATION = DetectorSpecification(
    name="face_detector_short",
    file="mediapipe/modules/face_detection/face_detection_short_range.tflite",
    size=128,
    anchor_grids=((16, 2), (8, 6)),
    least_score=0.5,
)


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file: image uint8 (128, 128, 3) → boxes, keypoints, scores of four faces."""
    return serialize(detector(sources.read("mediapipe", SPECIFICATION.file), SPECIFICATION))
