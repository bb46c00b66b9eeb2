"""The five face models working together on one picture, straight from their ONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession

from models.conversion.manifest import REPOSITORY
from models.conversion.sessions import open_session, run_session
from models.conversion.warp import Square, apply
from models.face_embedder.alignment import aligned_face
from models.face_landmarks.preparation import face_crop, face_square, letterbox, to_picture


@dataclass(frozen=True)
class DetectedFace:
    """Pixels of the picture: box (4,), keypoints (6, 2); `square` is the crop for the landmark model."""

    box: np.ndarray
    keypoints: np.ndarray
    score: float
    square: Square


class FaceModels:
    """Opens each model on first use."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._repository = repository
        self._sessions: dict[str, InferenceSession] = {}

    def run(self, name: str, images: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs of a model by name for uint8 pictures (N, size, size, 3)."""
        if name not in self._sessions:
            self._sessions[name] = open_session((self._repository / name / "1" / "model.onnx").read_bytes())
        return run_session(self._sessions[name], {"image": images})

    def detect(self, picture: np.ndarray, detector: str = "face_detector") -> list[DetectedFace]:
        """Faces of an HWC uint8 picture, best first."""
        size = {"face_detector": 192, "face_detector_short": 128}[detector]
        boxed, frame = letterbox(picture, size)
        found = self.run(detector, boxed[None])
        place = frame.matrix(1)
        return [
            DetectedFace(
                apply(place, box.reshape(2, 2)).ravel(),
                apply(place, keypoints),
                float(score),
                face_square(box, keypoints, frame),
            )
            for box, keypoints, score in zip(found["boxes"][0], found["keypoints"][0], found["scores"][0], strict=True)
            if score > 0
        ]

    def landmarks(self, picture: np.ndarray, square: Square) -> tuple[np.ndarray, float]:
        """478 points (x, y, z) in pixels of the picture, and the presence score."""
        found = self.run("face_landmarks", face_crop(picture, square)[None])
        return to_picture(found["landmarks"][0], square), float(found["presence"][0, 0])

    def descriptor(self, picture: np.ndarray) -> np.ndarray:
        """The descriptor (128) of the best face. Raises IndexError when there is none."""
        points, _ = self.landmarks(picture, self.detect(picture)[0].square)
        return np.asarray(self.run("face_embedder", aligned_face(picture, points)[None])["descriptor"][0])

    def matte(self, picture: np.ndarray) -> np.ndarray:
        """Alpha (256, 256) of the letterboxed picture."""
        return np.asarray(self.run("portrait_matte", letterbox(picture, 256)[0][None])["alpha"][0])
