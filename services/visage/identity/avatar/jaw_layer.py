"""The jaw layer's alpha, the hole of the mouth, and the neck that appears when the chin moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from visage.identity.avatar.canonical_map import frame_nodes
from visage.identity.avatar.inpainting import push_pull, resize
from visage.identity.avatar.lip_seam import LipSeam
from visage.identity.avatar.matte import face_mask
from visage.media.portrait import FRAME_PX, TEXTURE_SCALE
from visage.media.windows import Array, node_centres, smooth_step

_SIZE = FRAME_PX * TEXTURE_SCALE
_LIP_EDGE_PX = 1.1
"""Softness of the lips' inner edges."""
_LIP_OVERLAP_PX = 0.4
"""How far each lip reaches over the seam, so that closed lips let nothing of the mouth's inside through."""


@dataclass(frozen=True)
class JawLayer:
    """jaw_alpha, mouth_hole: float32 [1024, 1024]; base: float32 RGB [512, 512, 3], a neck continued under the chin."""

    jaw_alpha: Array
    mouth_hole: Array
    base: Array


def cut_jaw(
    picture: Array, half: Array, landmarks: Array, alpha: Array, seam: LipSeam, canonical: Array, px_per_mm: float
) -> JawLayer:
    """Cut the lower lip and jaw out of the photo.

    picture: float32 RGB [1024, 1024, 3]; half: the same at [512, 512, 3]; canonical: lower canonical map [128, 128, 2].
    """
    local = seam.local(node_centres(_SIZE, _SIZE, 1 / TEXTURE_SCALE).astype(np.float32))
    x, y = local[..., 0], local[..., 1]
    canonical_full = resize(canonical.astype(np.float32), _SIZE, _SIZE)
    outside = _signed_distance(landmarks)
    similar = _skin_similarity(picture, half, outside)
    similar = np.maximum(similar, smooth_step(44, 30, np.abs(canonical_full[..., 0])))
    rim = 1 - smooth_step(2.6 * px_per_mm, 7.0 * px_per_mm, outside)
    rim = rim * np.maximum(similar, 1 - smooth_step(0.0, 1.6 * px_per_mm, outside))
    jaw_alpha = (_below_seam(seam, x, y, px_per_mm) * rim).astype(np.float32)
    base = _with_neck(half, alpha, jaw_alpha, outside, canonical, px_per_mm)
    return JawLayer(jaw_alpha, _mouth_hole(seam, x, y, px_per_mm), base)


def _below_seam(seam: LipSeam, x: Array, y: Array, px_per_mm: float) -> Array:
    """1 below the lower lip's line; beside the corners the edge drops and softens."""
    beside = np.clip(np.abs(x) - 1, 0, None)
    softness = _LIP_EDGE_PX + 13.75 * px_per_mm * smooth_step(0, 0.55, beside)
    line = seam.extended(seam.lower, x) + 8 * px_per_mm * smooth_step(0.06, 0.9, beside)
    return np.asarray(np.clip((y - line + _LIP_OVERLAP_PX) / softness + 0.5, 0, 1))


def _mouth_hole(seam: LipSeam, x: Array, y: Array, px_per_mm: float) -> Array:
    """Where the skull layer lets the mouth interior show once the layers move apart."""
    line = seam.extended(seam.upper, x)
    depth = 24 * px_per_mm * np.sqrt(np.clip(1 - x**4, 0, 1))
    across = np.clip((1 - np.abs(x)) * seam.half_width / 0.8, 0, 1)
    hole = (
        np.clip((y - line - _LIP_OVERLAP_PX) / _LIP_EDGE_PX + 0.5, 0, 1)
        * np.clip((line + depth - y) / 4, 0, 1)
        * across
    )
    return np.asarray(hole, np.float32)


def _signed_distance(landmarks: Array) -> Array:
    """Frame pixels outside of the face oval (negative inside), float32 [1024, 1024]."""
    mask = face_mask(landmarks, _SIZE)
    outer = np.asarray(cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5))
    return np.asarray((outer - np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5))) / TEXTURE_SCALE)


def _skin_similarity(picture: Array, half: Array, outside: Array) -> Array:
    """How much the picture looks like the facial skin just inside the oval, float32 [1024, 1024], 0..1."""
    small = resize(outside, FRAME_PX, FRAME_PX)
    skin = resize(push_pull(half, ((small < -3) & (small > -24)).astype(np.float32)), _SIZE, _SIZE)
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5))
    chroma = np.abs(_chroma(smooth) - _chroma(skin)).sum(-1) * 7
    brightness = np.abs(np.log((smooth.mean(-1) + 0.06) / (skin.mean(-1) + 0.06)))
    different = chroma + np.clip(brightness - 0.55, 0, None) * 1.2
    similar = 1 - smooth_step(0.45, 0.95, different)
    return np.asarray(cv2.GaussianBlur(similar.astype(np.float32), (0, 0), 1.5))


def _chroma(colour: Array) -> Array:
    return np.asarray(colour / (colour.sum(-1, keepdims=True) + 0.12))


def _with_neck(
    half: Array, alpha: Array, jaw_alpha: Array, outside: Array, canonical: Array, px_per_mm: float
) -> Array:
    """The photo with neck skin, a little darker, continued under the jaw layer."""
    distance = resize(outside, FRAME_PX, FRAME_PX)
    covered = resize(jaw_alpha, FRAME_PX, FRAME_PX)
    y_mm = resize(canonical[..., 1].astype(np.float32), FRAME_PX, FRAME_PX)
    below = (distance > 2.6 * px_per_mm) & (distance < 16 * px_per_mm) & (y_mm > 80) & (alpha > 0.9)
    neck = np.asarray(cv2.GaussianBlur(push_pull(half, below.astype(np.float32)), (0, 0), 2.5))
    neck = neck * np.interp(-distance, [0, 14, 40], [0.96, 0.88, 0.80])[..., None]
    inner = ((distance < 2.6 * px_per_mm) & (y_mm > 84)).astype(np.float32)
    share = np.asarray(cv2.GaussianBlur(inner, (0, 0), 2.0)) * smooth_step(80, 92, y_mm)
    share = (share * smooth_step(0.55, 0.96, covered))[..., None]
    return np.asarray(half * (1 - share) + neck * share, np.float32)


def jaw_nodes_above_lower_lip(seam: LipSeam, px_per_mm: float) -> tuple[Array, Array]:
    """Millimetres below the upper lip and above the lower lip for each node of the frame grid, [128, 128] each."""
    local = seam.local(frame_nodes())
    x, y = local[..., 0], local[..., 1]
    upper, lower = np.interp(x, seam.position, seam.upper), np.interp(x, seam.position, seam.lower)
    return (y - upper) / px_per_mm, (lower - y) / px_per_mm
