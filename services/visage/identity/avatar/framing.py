"""Canonical framing: cuts the head and shoulders out of a photo at the scale and eye line all avatars share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from visage.media.canonical_face import canonical_vertices, fit_face
from visage.media.portrait import (
    CENTRE_X_PX,
    EYE_LINE_PX,
    FRAME_PX,
    MOUTH_LINE_PX,
    PX_PER_MM,
    TEXTURE_SCALE,
)
from visage.media.windows import Array, smooth_step

CROP_PX = FRAME_PX * TEXTURE_SCALE
MATTE_PX = 256
_GRAIN_SEED = 7
_KEPT_ROLL_DEGREES = 8.0
"""A smaller tilt is how somebody holds the head; what goes beyond is taken out by turning the photo."""
_MIRRORED_SHOULDER_PX = 40.0
"""Farther down a mirror image of the shoulders would narrow again."""


@dataclass(frozen=True)
class FramedPortrait:
    """A photo in canonical framing.

    image: uint8 [1024, 1024, 3] RGB, two texture pixels per frame pixel.
    landmarks: float64 [478, 3] in frame pixels (0..512).
    inside: bool [1024, 1024], False where the photo did not reach and was continued.
    transform: float64 [2, 3], photo pixels → crop pixels.
    """

    image: Array
    landmarks: Array
    inside: Array
    transform: Array

    def matte_input(self) -> Array:
        """The picture for the `portrait_matte` model, uint8 [256, 256, 3]."""
        return np.asarray(cv2.resize(self.image, (MATTE_PX, MATTE_PX), interpolation=cv2.INTER_AREA))

    def coverage(self) -> float:
        """Share of the frame that the photo fills, 0..1."""
        return float(self.inside.mean())


def frame_portrait(image_rgb: Array, landmarks: Array) -> FramedPortrait:
    """Cut the canonical portrait out of a photo.

    image_rgb: uint8 [height, width, 3]. landmarks: float [478, 3] in photo pixels.
    Raises ValueError when shapes do not match or the landmarks do not span a face.
    """
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise ValueError(f"expected a uint8 RGB picture, got {image_rgb.dtype} {image_rgb.shape}")
    points = np.asarray(landmarks, np.float64)
    if points.shape != (478, 3) or not np.isfinite(points).all():
        raise ValueError(f"expected 478 finite landmarks, got {points.shape}")
    turn = _straightening(points)
    placed = np.column_stack([points[:, :2] @ turn.T, points[:, 2]])
    scale, shift = _crop_transform(placed)
    transform = np.column_stack([scale * turn, shift])
    placed *= scale / TEXTURE_SCALE
    placed[:, :2] += shift / TEXTURE_SCALE
    crop, inside = _warp(*_reduced(image_rgb, transform), placed)
    return FramedPortrait(crop, placed, inside, transform)


def _straightening(points: Array) -> Array:
    """Rotation [2, 2] that takes the head's tilt sideways out, but for the part that is kept."""
    rotation = fit_face(points).rotation
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    kept = math.radians(_KEPT_ROLL_DEGREES)
    excess = roll - min(max(roll, -kept), kept)
    cosine, sine = math.cos(excess), math.sin(excess)
    return np.array([[cosine, sine], [-sine, cosine]])


def _reduced(image: Array, transform: Array) -> tuple[Array, Array]:
    """A photo that is finer than the crop, averaged to about its density, and the transform from there."""
    shrink = int(1 / _scale(transform))
    if shrink < 2:
        return image, transform
    columns, rows = max(1, image.shape[1] // shrink), max(1, image.shape[0] // shrink)
    whole = image[: rows * shrink, : columns * shrink]
    smaller = np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
    return smaller, np.column_stack([transform[:, :2] * shrink, transform[:, 2]])


def _scale(transform: Array) -> float:
    return math.sqrt(abs(float(np.linalg.det(transform[:, :2]))))


def _crop_transform(points: Array) -> tuple[float, Array]:
    """Scale and shift from photo pixels to crop pixels; eyes and mouth share the vertical error."""
    fit = fit_face(points)
    if not fit.scale > 0.05:
        raise ValueError("the landmarks do not span a face")
    mesh = canonical_vertices()
    scale = TEXTURE_SCALE * PX_PER_MM / fit.scale
    eyes = points[[33, 133, 362, 263], :2].mean(0)
    mouth = points[[61, 291, 13, 14], :2].mean(0)
    placed_eyes = fit.place(mesh[[33, 133, 362, 263]]).mean(0)[:2]
    eyes = (eyes + placed_eyes) / 2
    wanted = np.array([CENTRE_X_PX, (EYE_LINE_PX + MOUTH_LINE_PX) / 2]) * TEXTURE_SCALE
    return scale, wanted - scale * (eyes + mouth) / 2


def _warp(image: Array, transform: Array, landmarks: Array) -> tuple[Array, Array]:
    """The crop, continued where the photo ends, and where it shows the photo itself."""
    scale = _scale(transform)
    source = cv2.GaussianBlur(image, (0, 0), 0.42 / scale) if scale < 0.75 else image
    centred = transform.copy()
    centred[:, 2] += transform[:, :2].sum(1) / 2 - 0.5  # pixel centres, not corners, are sampled

    def warp(border: int) -> Array:
        size = (CROP_PX, CROP_PX)
        return np.asarray(cv2.warpAffine(source, centred, size, flags=cv2.INTER_CUBIC, borderMode=border))

    crop = warp(cv2.BORDER_REPLICATE)
    size = np.array([image.shape[1], image.shape[0]])
    beyond = _beyond(transform, size)
    inside = beyond.max(0) <= 0
    if inside.all():
        return crop, inside
    return _continue(crop, warp(cv2.BORDER_REFLECT_101), beyond, _room(transform, size, landmarks)), inside


def _beyond(transform: Array, size: Array) -> Array:
    """How far each crop pixel lies outside of the photo's left, top, right and bottom; float64 [4, 1024, 1024]."""
    inverse = np.linalg.inv(transform[:, :2])
    x, y = np.arange(CROP_PX) + 0.5, np.arange(CROP_PX)[:, None] + 0.5
    from_left, from_top = (row[0] * (x - transform[0, 2]) + row[1] * (y - transform[1, 2]) for row in inverse)
    distances = [-from_left, -from_top, from_left - size[0], from_top - size[1]]
    return np.asarray(np.maximum(distances, 0) * _scale(transform))


def _room(transform: Array, size: Array, landmarks: Array) -> Array:
    """How much of the photo beside the face can be mirrored at each border without mirroring the face, [4]."""
    linear = transform[:, :2]
    face = (landmarks[:, :2] * TEXTURE_SCALE - transform[:, 2]) @ np.linalg.inv(linear).T
    room = np.concatenate([face.min(0), size - face.max(0)]) * _scale(transform)
    downwards = np.concatenate([-linear[1], linear[1]])
    below = int(np.argmax(downwards))
    room[below] = min(room[below], _MIRRORED_SHOULDER_PX)
    return np.asarray(np.maximum(room, 1.0))


def _continue(crop: Array, mirrored: Array, beyond: Array, room: Array) -> Array:
    """Beyond its border the photo is mirrored for a while, then runs out softly, with grain like its own."""
    outside = beyond.max(0) > 0
    share = np.ones(outside.shape)
    for distance, reach in zip(beyond, room, strict=True):
        share *= smooth_step(0.9 * reach, 0.4 * reach, distance)
    out = crop * (1 - share[..., None]) + mirrored.astype(np.float32) * share[..., None]
    out = np.where(outside[..., None], out, crop).astype(np.float32)
    distance, soft = beyond.max(0)[..., None], out
    for radius in (4.0, 12.0, 32.0):
        blurred = np.asarray(cv2.GaussianBlur(out, (0, 0), radius, borderType=cv2.BORDER_REPLICATE))
        weight = np.clip((distance - 3 * radius) / (3 * radius), 0.0, 1.0)
        soft = soft * (1 - weight) + blurred * weight
    detail = out - np.asarray(cv2.GaussianBlur(out, (0, 0), 1.5))
    level = min(float(detail[~outside].std()) if not outside.all() else 0.0, 3.0)
    grain = np.random.default_rng(_GRAIN_SEED).normal(size=outside.shape).astype(np.float32)
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8))[..., None]
    soft = soft + grain * (level / max(float(grain.std()), 1e-6))
    return np.asarray(np.where(outside[..., None], soft, crop).clip(0, 255).round().astype(np.uint8))
