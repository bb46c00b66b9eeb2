"""The photo's light: tone of skin and teeth, and a first-order fit of brightness over surface normals."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from visage.identity.avatar.canonical_map import GRID
from visage.identity.avatar.inpainting import resize
from visage.identity.avatar.matte import face_mask
from visage.media.canonical_face import (
    BROW_OUTLINES,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    SKIN_PATCHES,
    UPPER_LIP,
)
from visage.media.portrait import FRAME_PX, NODE_PX
from visage.media.windows import Array

_REFERENCE_SKIN = (0.80, 0.62, 0.53)
_FULL_SATURATION = 0.22
_DARKEST = 0.12
_CLIPPED = 0.96
_CAVITY = (0.33, 0.125, 0.11)


@dataclass(frozen=True)
class Tone:
    """Factors that grade the mouth atlas to the photo, float64 [3] each; saturation 0 (monochrome) .. 1."""

    teeth: Array
    flesh: Array
    saturation: float
    bright_skin: float

    def grade(self, premultiplied: Array, factor: Array) -> Array:
        """RGBA [..., 4] in the photo's light."""
        colour = premultiplied[..., :3]
        grey = colour.mean(-1, keepdims=True)
        graded = (grey + (colour - grey) * self.saturation) * factor
        return np.concatenate([graded, premultiplied[..., 3:]], -1)

    def cavity(self) -> Array:
        """Colour of the dark of the mouth, 0..1."""
        colour = np.array(_CAVITY)
        return np.asarray((colour.mean() + (colour - colour.mean()) * self.saturation) * self.flesh)


@dataclass(frozen=True)
class Light:
    """coefficients: brightness = c0 + c1 nx + c2 ny + c3 nz; normals: float64 [128, 128, 3], towards the viewer -z."""

    coefficients: Array
    normals: Array

    def brightness(self) -> Array:
        """Brightness of each node under this light, [128, 128]."""
        return np.asarray(np.maximum(self.coefficients[0] + self.normals @ self.coefficients[1:], _DARKEST))


def measure_tone(half: Array, landmarks: Array) -> Tone:
    """half: float32 RGB [512, 512, 3], 0..1."""
    patches = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    for outline in SKIN_PATCHES:
        cv2.fillPoly(patches, [landmarks[list(outline), :2].astype(np.int32)], (1,))
    pixels = half[patches > 0]
    unclipped = pixels[pixels.max(1) < _CLIPPED]
    skin = np.median(unclipped if len(unclipped) > 0.15 * len(pixels) else pixels, 0)
    span = (pixels.max(1) - pixels.min(1)).mean() / max(float(pixels.max(1).mean()), 0.05)
    saturation = float(np.clip(span / _FULL_SATURATION, 0, 1))
    lit = float(np.percentile(pixels.mean(1), 85))
    illumination = float(np.clip(min(0.60 * lit + 0.36, 1.5 * lit), 0.05, 1.0))
    balance = skin / np.array(_REFERENCE_SKIN)
    balance = np.clip(balance / balance.mean(), 0.72, 1.12) ** 0.75
    # Pale skin is neither blue nor green light.
    balance[2] = min(balance[2], balance[0])
    balance[1] = min(balance[1], (balance[0] + balance[2]) / 2)
    balance = 1 + (balance - 1) * saturation
    face = half[face_mask(landmarks) > 0].mean(-1)
    return Tone(
        illumination * np.array([0.97, 0.955, 0.93]) * balance,
        min(illumination, 0.95) * 0.95 * balance,
        saturation,
        float(np.percentile(face, 85)),
    )


def fit_light(half: Array, landmarks: Array, depth: Array) -> Light:
    """Robust least squares of blurred brightness on normals over plain facial skin. depth: [128, 128] pixels."""
    along_y, along_x = np.gradient(gaussian_filter(depth, 1.2), NODE_PX)
    normals = np.stack([along_x, along_y, -np.ones_like(along_x)], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    brightness = resize(np.asarray(cv2.GaussianBlur(half.mean(-1), (0, 0), 4)), GRID, GRID)
    skin = _plain_skin(landmarks)
    design = np.concatenate([np.ones((int(skin.sum()), 1)), normals[skin]], 1)
    target, weight = brightness[skin].astype(np.float64), np.ones(int(skin.sum()))
    prior = np.diag([1e-3, 2.0, 2.0, 2.0]) * len(target) * 0.01
    coefficients = np.array([float(target.mean()), 0.0, 0.0, 0.0])
    for _ in range(5):
        weighted = design * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ design + prior, weighted.T @ target)
        weight = 1 / (1 + ((target - design @ coefficients) / 0.06) ** 2)
    return Light(coefficients, normals)


def _plain_skin(landmarks: Array) -> Array:
    """Grid cells of the face without eyes, brows and lips, bool [128, 128]."""
    face = np.asarray(cv2.erode(face_mask(landmarks), np.ones((13, 13), np.uint8)))
    features = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    outlines = (
        RIGHT_UPPER_LID + RIGHT_LOWER_LID[::-1],
        LEFT_UPPER_LID + LEFT_LOWER_LID[::-1],
        UPPER_LIP[3] + LOWER_LIP[3][::-1],
        *BROW_OUTLINES,
    )
    for outline in outlines:
        cv2.fillPoly(features, [landmarks[list(outline), :2].astype(np.int32)], (1,))
    features = np.asarray(cv2.dilate(features, np.ones((15, 15), np.uint8)))
    return np.asarray((resize(face, GRID, GRID) > 0.9) & (resize(features, GRID, GRID) < 0.1))
