"""The five face models run in this process straight from their files: real answers without a Triton server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from visage.runtime.faces import Detections, FloatArray
from visage.runtime.images import RgbImage

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"


class OnnxFaceModels:
    """`FaceModels` on ONNX Runtime, one thread; each model is opened on first use."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._repository = repository
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}

    async def _run(self, name: str, image: RgbImage, outputs: Sequence[str]) -> list[Any]:
        if name not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            path = self._repository / name / "1" / "model.onnx"
            self._sessions[name] = onnxruntime.InferenceSession(str(path), options)
        return list(await asyncio.to_thread(self._sessions[name].run, list(outputs), {"image": image}))

    async def detect(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        return await self._detect("face_detector", pictures)

    async def detect_near(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        return await self._detect("face_detector_short", pictures)

    async def _detect(self, name: str, pictures: RgbImage) -> list[Detections]:
        outputs = await self._run(name, pictures, ("boxes", "keypoints", "scores"))
        return [Detections(*items) for items in zip(*outputs, strict=True)]

    async def find_landmarks(self, crops: RgbImage, deadline_s: float) -> tuple[FloatArray, FloatArray]:
        landmarks, presence = await self._run("face_landmarks", crops, ("landmarks", "presence"))
        return landmarks, presence[:, 0]

    async def segment(self, picture: RgbImage, deadline_s: float) -> FloatArray:
        (alpha,) = await self._run("portrait_matte", picture[None], ("alpha",))
        return np.asarray(alpha[0])

    async def embed(self, faces: RgbImage, deadline_s: float) -> FloatArray:
        (descriptors,) = await self._run("face_embedder", faces, ("descriptor",))
        return np.asarray(descriptors)
