"""Is the picture as sharp as its source, without seams along the layers and without holes in the head?"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.quality.face_models import FaceWatch, Landmarks
from benchmarks.quality.subjects import Portrait, Stage
from benchmarks.quality.tracks import extreme_poses
from models.renderer.rendering import curve_vector
from visage.media.canonical_face import FACE_OVAL
from visage.media.portrait import EYE_SOURCE, EYES, INTERIOR, JAW_SOURCE, MOUTH, TEXTURE_SCALE, Rect
from visage.runtime.images import RgbImage

_FINE_PX: Final = 1.5
_BESIDE_PX: Final = 4
_COVERED: Final = 250
_THROUGH: Final = 128
_QUIET_FACE: Final[dict[str, float]] = {"JawOpen": 0.12, "MouthClose": 0.12, "EyeBlink": 0.12, "BrowInnerUp": 0.1}
"""Every layer is warped a little, and none leaves its place."""


def sharpness(frame: RgbImage, landmarks: Landmarks) -> float:
    """Standard deviation of what is finer than about 1.5 pixels, within the oval of the face, in grey levels."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), _FINE_PX)
    return float(fine[_oval(landmarks, frame.shape[:2], -8)].std())


def sharpness_ratio(source: RgbImage, source_landmarks: Landmarks, frames: RgbImage, landmarks: Landmarks) -> float:
    """Median sharpness of frames over the source's."""
    own = sharpness(source, source_landmarks)
    return float(
        np.median([sharpness(f, points) for f, points in zip(frames, landmarks, strict=True)]) / max(own, 1e-6)
    )


def seam_excess(portrait: Portrait, stage: Stage) -> dict[str, float]:
    """Gradient on each border of a layer over that beside it, against the same in the photo: 1 is no seam.

    By border: the windows of eyes and mouth, and the rims of the jaw layer, the lids and the eyeballs.
    """
    (frame,) = stage.render(portrait, curve_vector(_QUIET_FACE)[None])
    borders = {
        name: _frame_of(rect)
        for name, rect in (("eyes' window", EYES), ("mouth's window", MOUTH), ("interior", INTERIOR))
    }
    borders["jaw layer"] = _rim(portrait.tensors["jaw_texture"][3], JAW_SOURCE)
    borders["lids"] = _rim(portrait.tensors["lid_texture"][3], EYE_SOURCE)
    shown, photo = _steepness(frame), _steepness(portrait.source)
    return {name: _excess(shown, border) / _excess(photo, border) for name, border in borders.items() if border.any()}


async def holes(portrait: Portrait, stage: Stage, watch: FaceWatch) -> int:
    """Most pixels in which the background shows through a face at the ends of the range of poses."""
    track = extreme_poses()
    coverage = stage.coverage(portrait, track.curves, track.poses)
    # One at a time: from one end to the other is too far to follow.
    found = []
    for alpha, frame in zip(coverage, stage.render(portrait, track.curves, track.poses), strict=True):
        (landmarks,) = await watch.follow(frame[None], portrait.landmarks)
        found.append(int((_enclosed(alpha) & _oval(landmarks, alpha.shape, -2)).sum()))
    return max(found)


def _enclosed(alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Uncovered pixels that no way through the background reaches from the picture's sides or top."""
    open_to_air = np.pad((alpha < _COVERED).astype(np.uint8), ((1, 0), (1, 1)), constant_values=1)
    _, labels = cv2.connectedComponents(open_to_air, connectivity=4)
    return np.asarray((labels != labels[0, 0])[1:, 1:-1] & (alpha < _THROUGH))


def _oval(landmarks: Landmarks, shape: tuple[int, ...], grow_px: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(landmarks[list(FACE_OVAL), :2]).astype(np.int32)], 1)
    size = 2 * abs(grow_px) + 1
    change = cv2.erode if grow_px < 0 else cv2.dilate
    return np.asarray(change(mask, np.ones((size, size), np.uint8)) > 0)


def _frame_of(rect: Rect) -> npt.NDArray[np.uint8]:
    border = np.zeros((512, 512), np.uint8)
    cv2.rectangle(border, (rect.x, rect.y), (rect.right - 1, rect.bottom - 1), 1)
    return border


def _rim(alpha: npt.NDArray[np.uint8], rect: Rect) -> npt.NDArray[np.uint8]:
    """Where a layer's coverage passes one half, but for the border of its rectangle."""
    inner = cv2.resize(alpha, None, fx=1 / TEXTURE_SCALE, fy=1 / TEXTURE_SCALE, interpolation=cv2.INTER_AREA) > 127
    edge = cv2.morphologyEx(inner.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edge[:3], edge[-3:], edge[:, :3], edge[:, -3:] = 0, 0, 0, 0
    border = np.zeros((512, 512), np.uint8)
    border[rect.slices()] = edge
    return border


def _steepness(frame: RgbImage) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)))


def _excess(steepness: npt.NDArray[np.float32], border: npt.NDArray[np.uint8]) -> float:
    near = cv2.dilate(border, np.ones((3, 3), np.uint8)) > 0
    size = 2 * _BESIDE_PX + 3
    beside = (cv2.dilate(border, np.ones((size, size), np.uint8)) > 0) & ~near
    return float((steepness[near].mean() + 1) / (steepness[beside].mean() + 1))
