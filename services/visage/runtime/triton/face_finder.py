"""The models that find faces, on Triton; implements `visage.runtime.faces.FaceFinder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from visage.runtime.faces import Detections, FloatArray
from visage.runtime.images import RgbImage
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec

MOST_PER_REQUEST: Final = 8
"""Items in one request: full enough for the server, and two requests fill its largest batch."""
_FACES: Final = (
    TensorSpec("boxes", "FP32", (4, 4)),
    TensorSpec("keypoints", "FP32", (4, 6, 2)),
    TensorSpec("scores", "FP32", (4,)),
)


def picture_signature(name: str, size_px: int, outputs: tuple[TensorSpec, ...]) -> ModelSignature:
    """Of a model that takes one square picture, uint8 [size, size, 3], as `image`."""
    image = TensorSpec("image", "UINT8", (size_px, size_px, 3))
    return ModelSignature(name, (image,), outputs, MOST_PER_REQUEST)


DETECTOR: Final = picture_signature("face_detector", 192, _FACES)
NEAR_DETECTOR: Final = picture_signature("face_detector_short", 128, _FACES)
LANDMARKS: Final = picture_signature(
    "face_landmarks", 192, (TensorSpec("landmarks", "FP32", (478, 3)), TensorSpec("presence", "FP32", (1,)))
)


class TritonFaceFinder:
    """`FaceFinder` over one Triton client, which the caller closes."""

    signatures: ClassVar[tuple[ModelSignature, ...]] = (DETECTOR, NEAR_DETECTOR, LANDMARKS)

    def __init__(self, client: TritonClient) -> None:
        self._client = client

    async def ready(self) -> Mapping[str, bool]:
        """Returns for each model whether Triton serves it now."""
        return await self._client.ready(self.signatures)

    async def detect(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """Faces in each of uint8 [n, 192, 192, 3], near or far."""
        return await self._detect(DETECTOR, pictures, deadline_s)

    async def detect_near(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """Faces in each of uint8 [n, 128, 128, 3] that fill much of the picture."""
        return await self._detect(NEAR_DETECTOR, pictures, deadline_s)

    async def find_landmarks(self, crops: RgbImage, deadline_s: float) -> tuple[FloatArray, FloatArray]:
        """uint8 [n, 192, 192, 3] → landmarks [n, 478, 3] in crop pixels, presence [n] 0..1."""
        answer = await self._run(LANDMARKS, crops, deadline_s)
        return answer["landmarks"], answer["presence"][:, 0]

    async def _detect(self, signature: ModelSignature, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        answer = await self._run(signature, pictures, deadline_s)
        return [
            Detections(*items) for items in zip(answer["boxes"], answer["keypoints"], answer["scores"], strict=True)
        ]

    async def _run(self, signature: ModelSignature, images: RgbImage, deadline_s: float) -> dict[str, Array]:
        """Runs a model on any number of images, request after request: side by side they would outwait the queue."""
        answers = [
            await self._client.infer(
                signature, {"image": images[start : start + MOST_PER_REQUEST]}, deadline_s=deadline_s
            )
            for start in range(0, len(images), MOST_PER_REQUEST)
        ]
        return {spec.name: np.concatenate([answer[spec.name] for answer in answers]) for spec in signature.outputs}
