"""Builds the ONNX file of the full-range face detector."""

from __future__ import annotations

from models.conversion.detection_head import DetectorSpecification, detector
from models.conversion.graph import serialize
from models.conversion.sources import Sources

SPECIFICATION = DetectorSpecification(
    name="face_detector",
    file="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
    size=192,
    anchor_grids=((48, 1),),
    least_score=0.6,
)


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file: image uint8 (192, 192, 3) → boxes, keypoints, scores of four faces."""
    return serialize(detector(sources.read("mediapipe", SPECIFICATION.file), SPECIFICATION))
