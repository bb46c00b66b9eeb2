"""What the verbs need of the world: the face models. Implemented by `inference`, and by fakes in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from visage.runtime.images import RgbImage

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detections:
    """Up to four faces of one picture, best first; coordinates in fractions 0..1 of the square picture.

    boxes [4, 4] (x0, y0, x1, y1), keypoints [4, 6, 2] (0 and 1 are the eyes), scores [4], 0 where there is no face.
    """

    boxes: FloatArray
    keypoints: FloatArray
    scores: FloatArray


class FaceModels(Protocol):
    """The five networks. `deadline_s` is the time left for one call; all raise ModelError of runtime.triton."""

    async def detect(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """Faces in each of uint8 [n, 192, 192, 3], near or far."""
        ...

    async def detect_near(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """Faces in each of uint8 [n, 128, 128, 3] that fill much of the picture."""
        ...

    async def find_landmarks(self, crops: RgbImage, deadline_s: float) -> tuple[FloatArray, FloatArray]:
        """uint8 [n, 192, 192, 3] → landmarks [n, 478, 3] in crop pixels, presence [n] 0..1."""
        ...

    async def segment(self, picture: RgbImage, deadline_s: float) -> FloatArray:
        """uint8 [256, 256, 3] → how much each pixel belongs to the person, [256, 256] 0..1."""
        ...

    async def embed(self, faces: RgbImage, deadline_s: float) -> FloatArray:
        """uint8 [n, 150, 150, 3], aligned → descriptors [n, 128]."""
        ...
