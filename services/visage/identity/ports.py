"""What the verbs need of the world: the face models. Implemented by `inference`, and by fakes in tests."""

from __future__ import annotations

from typing import Protocol

from visage.runtime.faces import FaceFinder, FloatArray
from visage.runtime.images import RgbImage


class FaceModels(FaceFinder, Protocol):
    """The five networks. `deadline_s` is the time left for one call; all raise ModelError of runtime.triton."""

    async def segment(self, picture: RgbImage, deadline_s: float) -> FloatArray:
        """uint8 [256, 256, 3] → how much each pixel belongs to the person, [256, 256] 0..1."""
        ...

    async def embed(self, faces: RgbImage, deadline_s: float) -> FloatArray:
        """uint8 [n, 150, 150, 3], aligned → descriptors [n, 128]."""
        ...
