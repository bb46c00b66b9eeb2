"""Does the person stay the same person? Face descriptors of frames against those of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.face_models import FaceWatch, Landmarks
from visage.runtime.images import RgbImage


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosine of the descriptors (1 = the same) and distance between them (about 0.5 divides two people)."""

    mean_cosine: float
    worst_cosine: float
    mean_distance: float
    worst_distance: float


async def measure_likeness(
    source: RgbImage, source_landmarks: Landmarks, frames: RgbImage, landmarks: Landmarks, watch: FaceWatch
) -> Likeness:
    """Frames [n, height, width, 3] against one picture."""
    (own,) = await watch.descriptors(source[None], source_landmarks[None])
    others = await watch.descriptors(frames, landmarks)
    cosines = others @ own / (np.linalg.norm(others, axis=1) * np.linalg.norm(own))
    distances = np.linalg.norm(others - own, axis=1)
    return Likeness(float(cosines.mean()), float(cosines.min()), float(distances.mean()), float(distances.max()))
