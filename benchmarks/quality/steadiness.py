"""Does the picture hold still where nothing moves, and does the skin go with the head where it does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.quality.face_models import FaceWatch, Landmarks
from benchmarks.quality.subjects import Clip, Portrait, Stage
from benchmarks.quality.tracks import slow_turn, talking
from visage.media.canonical_face import RIGID_POINTS, fit_face
from visage.runtime.images import RgbImage

_CHEEKS: Final = ((50, 101, 36, 205), (280, 330, 266, 425))
_STRIDE: Final = 4
"""Frames between the two pictures that are compared."""
_QUIETEST: Final = 0.25


@dataclass(frozen=True, slots=True)
class Steadiness:
    """flicker_levels: most any pixel changes between frames of equal curves, None where no frames are equal.

    jitter_mm: root mean square of the second difference of the skull's landmarks from frame to frame in slow motion.
    swimming: what is left of the cheeks' contrast when later frames are laid back on earlier ones, 0..1.
    """

    flicker_levels: float | None
    jitter_mm: float
    swimming: float


async def measure_steadiness(portrait: Portrait, stage: Stage, watch: FaceWatch) -> Steadiness:
    """Flicker: frames rendered again among other neighbours. Jitter and swimming: in a slow turn of the head."""
    track = talking()
    once = stage.render(portrait, track.curves, track.poses)
    order = np.random.default_rng(0).permutation(len(once))[:16]
    again = stage.render(portrait, track.curves[order], track.poses[order])
    flicker = float(np.abs(again.astype(np.int16) - once[order]).max())
    turn = slow_turn()
    frames = stage.render(portrait, turn.curves, turn.poses)
    landmarks = await watch.follow(frames, portrait.landmarks)
    return Steadiness(
        flicker, jitter_mm(landmarks), swimming(frames, landmarks, np.arange(0, len(frames) - _STRIDE, 2))
    )


def real_steadiness(clip: Clip) -> Steadiness:
    """Jitter and swimming in the quarter of a clip in which the head moves least."""
    speed = np.abs(np.diff(clip.landmarks[:, list(RIGID_POINTS), :2], axis=0)).mean((1, 2))
    windows = np.convolve(speed, np.ones(_STRIDE), "valid")
    starts = np.argsort(windows)[: max(2, round(_QUIETEST * len(windows)))]
    runs = [jitter_mm(clip.landmarks[start : start + _STRIDE + 1]) for start in starts]
    return Steadiness(None, float(np.sqrt(np.mean(np.square(runs)))), swimming(clip.frames, clip.landmarks, starts))


def jitter_mm(landmarks: Landmarks) -> float:
    """Root mean square second difference of the rigid points of frames [n, 478, 3], in millimetres of the face."""
    points = landmarks[:, list(RIGID_POINTS), :2]
    return float(np.sqrt((np.diff(points, n=2, axis=0) ** 2).sum(-1).mean()) / fit_face(landmarks[0]).scale)


def swimming(frames: RgbImage, landmarks: Landmarks, starts: npt.NDArray[np.intp]) -> float:
    """Mean over pairs of frames and both cheeks of the residual after the best affine motion, over the contrast.

    The motion comes from dense optical flow within the cheek. Skin that is carried by the head leaves only noise.
    """
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    residuals = []
    for start in starts:
        first, later = (cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY) for index in (start, start + _STRIDE))
        flow = np.asarray(flow_of.calc(first, later, None))
        for cheek in _CHEEKS:
            corners = landmarks[start, list(cheek), :2]
            low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
            residuals.append(_residual(first, later, flow, low, high))
    return float(np.mean(residuals))


def _residual(first: np.ndarray, later: np.ndarray, flow: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    design = np.stack([np.ones_like(x), x, y], -1).reshape(-1, 3).astype(np.float64)
    moved = flow[low[1] : high[1], low[0] : high[0]].reshape(-1, 2).astype(np.float64)
    affine, *_ = np.linalg.lstsq(design, moved, rcond=None)
    place = (design[:, 1:] + design @ affine).astype(np.float32).reshape(*x.shape, 2)
    back = cv2.remap(later, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    patch = first[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    # The light may change with the pose, texture may not.
    difference = patch - patch.mean() - (back - back.mean())
    return float(np.abs(difference).mean() / max(float(patch.std()), 1.0))
