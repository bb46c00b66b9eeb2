"""The face models on Triton."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from visage.runtime.faces import FloatArray
from visage.runtime.images import RgbImage
from visage.runtime.triton.face_finder import DETECTOR, LANDMARKS, NEAR_DETECTOR, TritonFaceFinder, picture_signature
from visage.runtime.triton.signature import ModelSignature, TensorSpec

MATTE: Final = picture_signature("portrait_matte", 256, (TensorSpec("alpha", "FP32", (256, 256)),))
EMBEDDER: Final = picture_signature("face_embedder", 150, (TensorSpec("descriptor", "FP32", (128,)),))
SIGNATURES: Final = (DETECTOR, NEAR_DETECTOR, LANDMARKS, MATTE, EMBEDDER)


class TritonFaceModels(TritonFaceFinder):
    """`FaceModels` over one Triton client, which the caller closes."""

    signatures: ClassVar[tuple[ModelSignature, ...]] = SIGNATURES

    async def segment(self, picture: RgbImage, deadline_s: float) -> FloatArray:
        """uint8 [256, 256, 3] → how much each pixel belongs to the person, [256, 256] 0..1."""
        return np.asarray((await self._run(MATTE, picture[None], deadline_s))["alpha"][0], np.float32)

    async def embed(self, faces: RgbImage, deadline_s: float) -> FloatArray:
        """uint8 [n, 150, 150, 3], aligned → descriptors [n, 128]."""
        return (await self._run(EMBEDDER, faces, deadline_s))["descriptor"]
