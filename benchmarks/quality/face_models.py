"""The face models run in this process straight from the model repository, and faces are followed through clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino

from visage.identity.alignment import aligned_face
from visage.runtime.face_crops import Square, landmark_crop, landmark_square, landmarks_in_picture
from visage.runtime.faces import Detections, Face, FloatArray, find_faces
from visage.runtime.images import RgbImage

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
_BATCH = 8
_NO_LIMIT_S = 3600.0

Landmarks = npt.NDArray[np.float64]


class LocalFaceModels:
    """`visage.identity.ports.FaceModels` on OpenVINO with one thread; each model is compiled on first use."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._repository = repository
        self._compiled: dict[str, Any] = {}

    def run(self, name: str, image: RgbImage, outputs: Sequence[str]) -> list[Any]:
        """The named outputs of a model for uint8 [n, height, width, 3]."""
        if name not in self._compiled:
            options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
            path = self._repository / name / "1" / "model.onnx"
            self._compiled[name] = openvino.Core().compile_model(str(path), "CPU", options)
        answers = self._compiled[name]({"image": image})
        return [np.array(answers[output]) for output in outputs]

    async def detect(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """See `FaceModels`."""
        return self._detect("face_detector", pictures)

    async def detect_near(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """See `FaceModels`."""
        return self._detect("face_detector_short", pictures)

    def _detect(self, name: str, pictures: RgbImage) -> list[Detections]:
        found = self.run(name, pictures, ("boxes", "keypoints", "scores"))
        return [Detections(*items) for items in zip(*found, strict=True)]

    async def find_landmarks(self, crops: RgbImage, deadline_s: float) -> tuple[FloatArray, FloatArray]:
        """See `FaceModels`."""
        landmarks, presence = self.run("face_landmarks", crops, ("landmarks", "presence"))
        return landmarks, presence[:, 0]

    async def segment(self, picture: RgbImage, deadline_s: float) -> FloatArray:
        """See `FaceModels`."""
        return np.asarray(self.run("portrait_matte", picture[None], ("alpha",))[0][0])

    async def embed(self, faces: RgbImage, deadline_s: float) -> FloatArray:
        """See `FaceModels`."""
        return np.asarray(self.run("face_embedder", faces, ("descriptor",))[0])


class FaceWatch:
    """Looks at faces in pictures and clips."""

    def __init__(self, models: LocalFaceModels | None = None) -> None:
        self.models = models or LocalFaceModels()

    async def find(self, picture: RgbImage) -> Face:
        """The widest face of a picture. Raises ValueError where there is none."""
        faces = await find_faces(picture, self.models, _NO_LIMIT_S)
        if not faces:
            raise ValueError("no face")
        return faces[0]

    async def follow(self, frames: RgbImage, start: Landmarks | None = None) -> Landmarks:
        """Landmarks float64 [n, 478, 3] in pixels of a clip uint8 [n, height, width, 3] that shows one face.

        Each frame is looked at where the face was before, then where it was found, as `find_faces` looks twice. The
        first is where `start` [478, 3] says; without it the face is searched for, and ValueError raised if there is
        none.
        """
        square = landmark_square((await self.find(frames[0])).landmarks if start is None else start)
        tracks = []
        for start in range(0, len(frames), _BATCH):
            chunk = frames[start : start + _BATCH]
            first = await self._look(chunk, [square] * len(chunk))
            tracks.append(await self._look(chunk, [landmark_square(points) for points in first]))
            square = landmark_square(tracks[-1][-1])
        return np.concatenate(tracks)

    async def _look(self, frames: RgbImage, squares: list[Square]) -> Landmarks:
        crops = np.stack([landmark_crop(frame, square) for frame, square in zip(frames, squares, strict=True)])
        landmarks, _ = await self.models.find_landmarks(crops, _NO_LIMIT_S)
        placed = [
            landmarks_in_picture(points.astype(np.float64), square)
            for points, square in zip(landmarks, squares, strict=True)
        ]
        return np.stack(placed)

    async def descriptors(self, frames: RgbImage, landmarks: Landmarks) -> FloatArray:
        """Raw descriptors float32 [n, 128] of the faces at the landmarks [n, 478, 3]."""
        crops = np.stack([aligned_face(frame, points) for frame, points in zip(frames, landmarks, strict=True)])
        parts = [
            await self.models.embed(crops[start : start + _BATCH], _NO_LIMIT_S)
            for start in range(0, len(crops), _BATCH)
        ]
        return np.concatenate(parts)
