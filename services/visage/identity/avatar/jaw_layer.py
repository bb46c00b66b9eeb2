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
_CORNER_SOFTNESS = 1.6
_OVERLAP_SHARE = 0.37
_MIXED_EDGE = (11, 9)
"""Texture pixels around an opening that are mixed with what it shows."""
_EDGE_SHADE = 0.35
_HIDDEN_NECK_WEIGHT = 0.06
_CHIN_SHADOW = 0.72
_DARK_REACH_PX = 6
_DARK_SHARE = 0.5


@dataclass(frozen=True)
class JawLayer:
    """jaw_alpha, mouth_hole: float32 [1024, 1024]; base: float32 RGB [512, 512, 3], a neck continued under the chin.

    lips: the photo, float32 RGB [1024, 1024, 3], without what parted lips show between them.
    """

    jaw_alpha: Array
    mouth_hole: Array
    base: Array
    lips: Array


def cut_jaw(
    picture: Array, half: Array, landmarks: Array, alpha: Array, seam: LipSeam, canonical: Array, px_per_mm: float
) -> JawLayer:
    """Cut the lower lip and jaw out of the photo.

    picture: float32 RGB [1024, 1024, 3]; half: the same at [512, 512, 3]; canonical: lower canonical map [128, 128, 2].
    """
    local = seam.local(node_centres(_SIZE, _SIZE, 1 / TEXTURE_SCALE)).astype(np.float32)
    x, y = local[..., 0], local[..., 1]
    canonical_full = resize(canonical.astype(np.float32), _SIZE, _SIZE)
    outside = _signed_distance(landmarks)
    similar = _skin_similarity(half, resize(outside, FRAME_PX, FRAME_PX))
    beside_chin = np.maximum(resize(similar, _SIZE, _SIZE), smooth_step(44, 30, np.abs(canonical_full[..., 0])))
    rim = 1 - smooth_step(2.6 * px_per_mm, 7.0 * px_per_mm, outside)
    rim = rim * np.maximum(beside_chin, 1 - smooth_step(0.0, 1.6 * px_per_mm, outside))
    jaw_alpha = (_below_seam(seam, x, y, px_per_mm) * rim).astype(np.float32)
    base = _with_neck(half, alpha, similar, jaw_alpha, outside, canonical, px_per_mm)
    return JawLayer(jaw_alpha, _mouth_hole(seam, x, y, px_per_mm), base, _lips_alone(picture, seam))


def _lips_alone(picture: Array, seam: LipSeam) -> Array:
    """The photo without what parted lips show between them: teeth and dark would cling to the lips' edges.

    The lips are continued into the opening and beyond its corners, darker where they touch once closed.
    """
    if seam.closed:
        return picture
    outline = np.concatenate([seam.frame(seam.position, seam.upper), seam.frame(seam.position, seam.lower)[::-1]])
    opening = np.zeros((_SIZE, _SIZE), np.uint8)
    cv2.fillPoly(opening, [np.round(outline * TEXTURE_SCALE - 0.5).astype(np.int32)], (1,))
    opening = _with_dark_corners(picture, opening)
    mixed = np.asarray(cv2.dilate(opening, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, _MIXED_EDGE)))
    rows, columns = np.where(mixed.any(1))[0], np.where(mixed.any(0))[0]
    window = np.s_[rows[0] - 8 : rows[-1] + 9, columns[0] - 8 : columns[-1] + 9]
    eight_bit = (picture[window].clip(0, 1) * 255 + 0.5).astype(np.uint8)
    filled = np.asarray(cv2.inpaint(eight_bit, mixed[window], 5, cv2.INPAINT_TELEA)).astype(np.float32) / 255
    share = np.asarray(cv2.GaussianBlur(mixed[window].astype(np.float32), (0, 0), 0.8))[..., None]
    inner = np.asarray(cv2.GaussianBlur(opening[window].astype(np.float32), (0, 0), 1.2))[..., None]
    out = picture.copy()
    out[window] = picture[window] * (1 - share) + filled * (1 - _EDGE_SHADE * inner) * share
    return out


def _with_dark_corners(picture: Array, opening: Array) -> Array:
    """The opening and what is as dark as a mouth right beside it: landmarks end before the corners of a wide smile."""
    size = 2 * _DARK_REACH_PX + 1
    around = np.asarray(cv2.dilate(opening, np.ones((size, 2 * size), np.uint8)))
    grey = picture.mean(-1)
    ring = (around > 0) & (opening == 0)
    dark = ring & (grey < _DARK_SHARE * np.median(grey[ring]))
    _, labels = cv2.connectedComponents(np.asarray((dark | (opening > 0)).astype(np.uint8)))
    touching = np.unique(labels[opening > 0])
    return np.asarray((np.isin(labels, touching[touching > 0]) | (opening > 0)).astype(np.uint8))


def _below_seam(seam: LipSeam, x: Array, y: Array, px_per_mm: float) -> Array:
    """1 below the lower lip's line; beside the corners the edge drops and softens."""
    beside = np.clip(np.abs(x) - 1, 0, None)
    edge, overlap = _lip_edge(x)
    softness = edge + 13.75 * px_per_mm * smooth_step(0, 0.55, beside)
    line = seam.extended(seam.lower, x) + 8 * px_per_mm * smooth_step(0.06, 0.9, beside)
    return np.asarray(np.clip((y - line + overlap) / softness + 0.5, 0, 1))


def _lip_edge(x: Array) -> tuple[Array, Array]:
    """Softness of the lips' inner edges, and how far each lip reaches over the seam, in pixels.

    Both grow towards the corners, where an opened mouth's edge is steep; lips that overlap let nothing of the inside
    through when they are closed.
    """
    edge = _LIP_EDGE_PX * (1 + _CORNER_SOFTNESS * smooth_step(0.45, 0.95, np.abs(x)))
    return edge, _OVERLAP_SHARE * edge


def _mouth_hole(seam: LipSeam, x: Array, y: Array, px_per_mm: float) -> Array:
    """Where the skull layer lets the mouth interior show once the layers move apart."""
    line = seam.extended(seam.upper, x)
    depth = 24 * px_per_mm * np.sqrt(np.clip(1 - np.square(x * x), 0, 1))
    across = smooth_step(0.98, 0.88, np.abs(x))
    edge, overlap = _lip_edge(x)
    hole = np.clip((y - line - overlap) / edge + 0.5, 0, 1) * np.clip((line + depth - y) / 4, 0, 1) * across
    return np.asarray(hole, np.float32)


def _signed_distance(landmarks: Array) -> Array:
    """Frame pixels outside of the face oval (negative inside), float32 [1024, 1024]."""
    mask = face_mask(landmarks, _SIZE)
    outer = np.asarray(cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5))
    return np.asarray((outer - np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5))) / TEXTURE_SCALE)


def _skin_similarity(half: Array, outside: Array) -> Array:
    """How much the picture looks like the facial skin just inside the oval, float32 [512, 512], 0..1.

    outside: frame pixels outside of the oval, [512, 512].
    """
    skin = push_pull(half, ((outside < -3) & (outside > -24)).astype(np.float32))
    smooth = np.asarray(cv2.GaussianBlur(half, (0, 0), 0.75))
    chroma = np.abs(_chroma(smooth) - _chroma(skin)).sum(-1) * 7
    brightness = np.abs(np.log((smooth.mean(-1) + 0.06) / (skin.mean(-1) + 0.06)))
    different = chroma + np.clip(brightness - 0.55, 0, None) * 1.2
    similar = 1 - smooth_step(0.45, 0.95, different)
    return np.asarray(cv2.GaussianBlur(similar.astype(np.float32), (0, 0), 0.75))


def _chroma(colour: Array) -> Array:
    return np.asarray(colour / (colour.sum(-1, keepdims=True) + 0.12))


def _with_neck(
    half: Array, alpha: Array, similar: Array, jaw_alpha: Array, outside: Array, canonical: Array, px_per_mm: float
) -> Array:
    """The photo with neck skin, a little darker, continued under the jaw layer.

    Where a collar or a beard hides the neck its skin is that of the jaw in the chin's shadow.
    """
    distance = resize(outside, FRAME_PX, FRAME_PX)
    covered = resize(jaw_alpha, FRAME_PX, FRAME_PX)
    y_mm = resize(canonical[..., 1].astype(np.float32), FRAME_PX, FRAME_PX)
    below = (distance > 2.6 * px_per_mm) & (distance < 16 * px_per_mm) & (y_mm > 80) & (alpha > 0.9)
    jaw = (distance < -1.5 * px_per_mm) & (distance > -9 * px_per_mm) & (y_mm > 84)
    shaded = push_pull(half * _CHIN_SHADOW, jaw.astype(np.float32))
    unlike = np.abs(np.log((half + 0.03) / (shaded + 0.03))).max(-1)
    shown = below * np.clip(similar, 0, 1) * smooth_step(0.6, 0.3, unlike)
    weight = np.maximum(shown, _HIDDEN_NECK_WEIGHT * jaw).astype(np.float32)
    source = np.where((jaw & (shown < _HIDDEN_NECK_WEIGHT))[..., None], shaded, half)
    neck = np.asarray(cv2.GaussianBlur(push_pull(source, weight), (0, 0), 2.5))
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
