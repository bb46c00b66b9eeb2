"""Face models that a test can break."""

from __future__ import annotations

from tests.fakes.onnx_face_models import OnnxFaceModels
from visage.runtime.faces import Detections, FloatArray
from visage.runtime.images import RgbImage


class FailingFaceModels(OnnxFaceModels):
    """Real answers until `error` is set: then every call raises it."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    async def detect(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        self._fail()
        return await super().detect(pictures, deadline_s)

    async def segment(self, picture: RgbImage, deadline_s: float) -> FloatArray:
        self._fail()
        return await super().segment(picture, deadline_s)
