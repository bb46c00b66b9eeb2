"""Are the lips shut where M, B and P shut them? By the landmarks, and by the pixels of the mouth's inside that show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.face_models import FaceWatch, Landmarks
from benchmarks.quality.obedience import lip_gap_mm
from benchmarks.quality.subjects import Portrait, Stage
from benchmarks.quality.tracks import CLOSED
from models.renderer.rendering import curve_vector
from visage.media.canonical_face import fit_face
from visage.media.portrait import SCALARS
from visage.runtime.images import RgbImage

_INSIDE = ("upper_teeth", "lower_teeth", "tongue")
_GREEN_LEVEL = 60
_QUIETEST = 0.1


@dataclass(frozen=True, slots=True)
class Closure:
    """gap_mm: most distance between the inner lips. open_pixels: most pixels of the inside seen, None where unknown."""

    gap_mm: float
    open_pixels: int | None
    worst: str = ""


async def measure_closure(portrait: Portrait, stage: Stage, watch: FaceWatch) -> Closure:
    """All mixtures of `CLOSED`; gaps are counted from the closed photo's own landmarks at rest."""
    curves = np.stack([curve_vector({}), *(curve_vector(weights) for weights in CLOSED.values())])
    landmarks = await watch.follow(stage.render(portrait, curves), portrait.landmarks)
    gaps = lip_gap_mm(landmarks)[1:]
    shown = open_pixels(stage.render(portrait, curves[1:], None, **paint_inside(portrait)))
    return Closure(float(gaps.max()), int(shown.max()), tuple(CLOSED)[int(shown.argmax())] if shown.max() else "")


def paint_inside(portrait: Portrait) -> dict[str, RgbImage]:
    """Tensors that make all of the mouth's inside bright green."""
    painted: dict[str, RgbImage] = {}
    for name in _INSIDE:
        alpha = portrait.tensors[name][3:]
        painted[name] = np.concatenate([0 * alpha, alpha, 0 * alpha, alpha]).astype(np.uint8)
    scalars = np.array(portrait.tensors["scalars"])
    for channel, level in (("r", 0.0), ("g", 255.0), ("b", 0.0)):
        scalars[SCALARS.index(f"cavity_{channel}")] = level
    return painted | {"scalars": scalars}


def open_pixels(frames: RgbImage) -> np.ndarray:
    """Clearly green pixels of each frame, int64 [n]."""
    levels = frames.astype(np.int16)
    green = levels[..., 1] - np.maximum(levels[..., 0], levels[..., 2])
    return np.asarray((green > _GREEN_LEVEL).sum((1, 2)))


def real_closure(landmarks: Landmarks) -> Closure:
    """A clip's most closed frames: the tenth of them with the least gap."""
    gap = np.linalg.norm(landmarks[:, 14, :2] - landmarks[:, 13, :2], axis=1)
    quiet = np.sort(gap)[: max(1, round(_QUIETEST * len(gap)))]
    return Closure(float(quiet.max() / fit_face(landmarks[0]).scale), None)
