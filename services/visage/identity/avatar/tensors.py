"""Assembles the renderer's inputs: packs textures, grids and numbers into `visage.media.portrait.AVATAR_TENSORS`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from visage.identity.avatar.canonical_map import GRID, CanonicalMaps
from visage.identity.avatar.depth import HeadSurface
from visage.identity.avatar.displacement import Displacements
from visage.identity.avatar.eyeballs import EyeLayers
from visage.identity.avatar.eyelids import Eye, eye_maps, face_nodes, lower_lid_displacements
from visage.identity.avatar.folds import fold_shading, smile_folds
from visage.identity.avatar.glasses import Glasses
from visage.identity.avatar.inpainting import resize
from visage.identity.avatar.jaw_layer import JawLayer, jaw_nodes_above_lower_lip
from visage.identity.avatar.lighting import Light, Tone
from visage.identity.avatar.lip_seam import LipSeam
from visage.identity.avatar.matte import silhouette_distance
from visage.identity.avatar.mouth_interior import MouthAtlas
from visage.media.arkit import CURVE_INDEX
from visage.media.canonical_face import NECK_PIVOT_MM, FaceFit
from visage.media.portrait import (
    AVATAR_TENSORS,
    EYE_SOURCE,
    FACE,
    FOLD_CURVES,
    FOOT,
    FRAME_PX,
    HEAD,
    JAW,
    JAW_SOURCE,
    NODE_PX,
    SCALARS,
    STORED_PX,
    TEXTURE_SCALE,
    Rect,
)
from visage.media.windows import Array, smooth_step

_RELIGHT = 0.6
_SMILING = 0.4
_TOP_PX = 5
_TOP_BLUR_PX = 14
_FOLD_TINT = (0.72, 1.06, 1.18)
"""Blood under thin skin: folds darken blue more than red."""


@dataclass(frozen=True)
class PortraitParts:
    """Everything measured and cut from one photo; pictures are float32, 0..1."""

    picture: Array  # [1024, 1024, 3]
    half: Array  # [512, 512, 3]
    alpha: Array  # [512, 512]
    background: Array  # [768, 768, 3]
    fit: FaceFit
    seam: LipSeam
    maps: CanonicalMaps
    surface: HeadSurface
    displacements: Displacements
    eyes: tuple[Eye, Eye]
    eye_layers: EyeLayers
    glasses: Glasses
    jaw: JawLayer
    atlas: MouthAtlas
    tone: Tone
    light: Light
    smile: tuple[float, float]
    upper_share: float


def pack_tensors(parts: PortraitParts) -> dict[str, Array]:
    """The renderer's inputs by name, without batch axis."""
    tensors = _textures(parts) | _grids(parts) | {"scalars": _scalars(parts)}
    packed = {}
    for spec in AVATAR_TENSORS:
        array = np.ascontiguousarray(tensors[spec.name].astype(spec.dtype))
        if array.shape != spec.shape:
            raise ValueError(f"{spec.name} has shape {array.shape}, expected {spec.shape}")
        packed[spec.name] = array
    return packed


def _bytes(values: Array) -> Array:
    """0..1 → uint8, rounded."""
    return np.asarray((values * 255 + 0.5).clip(0, 255).astype(np.uint8))


def _planar(premultiplied: Array) -> Array:
    return _bytes(premultiplied).transpose(2, 0, 1)


def _textures(parts: PortraitParts) -> dict[str, Array]:
    size = FRAME_PX * TEXTURE_SCALE
    alpha, background = resize(parts.alpha, size, size)[..., None], resize(parts.background, size, size)
    head = _head_texture(parts, alpha, background)
    still = resize(head, STORED_PX, STORED_PX)
    eye_hole = parts.eye_layers.hole * (1 - parts.glasses.alpha)
    veil = _in_frame(eye_hole[..., None] * parts.eye_layers.veil, EYE_SOURCE)
    holes = (1 - parts.jaw.mouth_hole) * (1 - _in_frame(eye_hole, EYE_SOURCE))
    masks = {
        "lid_texture": (parts.glasses.lid_colour, parts.eye_layers.lid),
        "eye_texture": (parts.eye_layers.colour, parts.eye_layers.eyeball_alpha(parts.alpha)),
    }
    layers = {name: _planar(_premultiply(colour, alpha)) for name, (colour, alpha) in masks.items()}
    jaw = _foreground(*(_cut(plane, JAW_SOURCE) for plane in (parts.jaw.lips, alpha, background)))
    return layers | {
        "jaw_texture": _planar(jaw * _cut(parts.jaw.jaw_alpha, JAW_SOURCE)[..., None]),
        "background": _bytes(parts.background),
        "glasses_mask": _bytes(parts.glasses.alpha)[None],
        "foot": _planar(still[STORED_PX * FOOT.y // FRAME_PX :]),
        "head_texture": _planar(_cut(head * holes[..., None] + veil, HEAD)),
        "upper_teeth": _planar(parts.atlas.upper_teeth),
        "lower_teeth": _planar(parts.atlas.lower_teeth),
        "tongue": _planar(parts.atlas.tongue),
    }


def _premultiply(colour: Array, alpha: Array) -> Array:
    return np.concatenate([colour * alpha[..., None], alpha[..., None]], -1)


def _cut(picture: Array, rect: Rect) -> Array:
    return np.asarray(picture[rect.slices(scale=TEXTURE_SCALE)])


def _in_frame(values: Array, rect: Rect) -> Array:
    frame = np.zeros((FRAME_PX * TEXTURE_SCALE, FRAME_PX * TEXTURE_SCALE, *values.shape[2:]), np.float32)
    frame[rect.slices(scale=TEXTURE_SCALE)] = values
    return frame


def _head_texture(parts: PortraitParts, alpha: Array, background: Array) -> Array:
    """Premultiplied RGBA [1024, 1024, 4] of the head without the jaw's second copy at the silhouette."""
    size = FRAME_PX * TEXTURE_SCALE
    changed = (np.abs(parts.jaw.base - parts.half).max(-1) > 0.004).astype(np.float32)
    changed = np.asarray(cv2.dilate(resize(changed, size, size), np.ones((3, 3), np.uint8)))
    colour = np.where(changed[..., None] > 0, resize(parts.jaw.base, size, size), parts.jaw.lips)
    return _soften_top(np.asarray(_foreground(colour, alpha, background) * (1 - _bare_jaw(parts))[..., None]))


def _soften_top(head: Array) -> Array:
    """Hair that ends at the top of the frame is continued without streaks when the head moves down."""
    rows = _TOP_PX * TEXTURE_SCALE
    soft = np.asarray(cv2.GaussianBlur(np.repeat(head[:1], 3, 0), (0, 0), _TOP_BLUR_PX))[:1]
    share = smooth_step(rows, 1, np.arange(rows))[:, None, None]
    head[:rows] += (soft - head[:rows]) * share
    return head


def _foreground(colour: Array, alpha: Array, background: Array) -> Array:
    """Premultiplied RGBA without the background's share, so that no fringe of it travels with moving hair."""
    return np.concatenate([np.clip(colour - (1 - alpha) * background, 0, alpha), alpha], -1)


def _bare_jaw(parts: PortraitParts) -> Array:
    """Where nothing but background lies behind the jaw, [1024, 1024]: at the silhouette, off the neck."""
    size = FRAME_PX * TEXTURE_SCALE
    y_mm = parts.maps.lower[..., 1].astype(np.float32)
    low = resize(smooth_step(80, 90, y_mm) * smooth_step(124, 114, y_mm), size, size)
    near = resize(smooth_step(16, 5, silhouette_distance(parts.alpha)), size, size)
    return np.asarray(low * near * smooth_step(0.9, 0.99, parts.jaw.jaw_alpha))


def _grids(parts: PortraitParts) -> dict[str, Array]:
    head, jaw, face = HEAD.slices(NODE_PX), JAW.slices(NODE_PX), FACE.slices(NODE_PX)
    below_upper, above_lower = jaw_nodes_above_lower_lip(parts.seam, parts.fit.scale)
    zone = np.asarray(cv2.dilate(parts.jaw.mouth_hole, np.ones((25, 25), np.uint8)))
    # Only well inside the silhouette, so that no light falls on the background.
    matte = np.asarray(cv2.GaussianBlur(resize(parts.alpha, GRID, GRID), (0, 0), 1.5))
    matte = np.clip(2 * matte - 1, 0, 1)
    surface, normals = parts.surface, np.moveaxis(parts.light.normals, -1, 0)
    skull_maps = np.stack([
        surface.skull, surface.skull_weight, below_upper, resize(zone, GRID, GRID), *normals,
        1 / parts.light.brightness(), surface.skull_weight * matte * _RELIGHT, surface.jaw,
    ])  # fmt: skip
    lids = lower_lid_displacements(parts.eyes, face_nodes())
    skull = np.concatenate([parts.displacements.skull, lids])
    canonical = parts.maps.upper[face]
    folds = _folds(parts, canonical[..., 0], canonical[..., 1])[[CURVE_INDEX[name] for name in FOLD_CURVES]]
    return {
        "skull_basis": skull.reshape(len(skull), -1),
        "jaw_basis": parts.displacements.jaw.reshape(len(parts.displacements.jaw), -1),
        "fold_basis": folds.reshape(len(folds), -1),
        "skull_maps": skull_maps[:, *head],
        "jaw_maps": np.stack([surface.jaw, surface.jaw_weight, above_lower])[:, *jaw],
        "eye_maps": eye_maps(parts.eyes, parts.alpha),
    }


def _folds(parts: PortraitParts, x: Array, y: Array) -> Array:
    """Shading per curve, [52, rows, columns] over FACE, with the folds of the photo's own smile."""
    shading = fold_shading(x, y)
    grey = resize(parts.half.mean(-1), GRID, GRID)[FACE.slices(NODE_PX)]
    for side, own, smile in zip(("Left", "Right"), smile_folds(grey, x, y), parts.smile, strict=True):
        if smile > _SMILING:
            shading[CURVE_INDEX[f"MouthSmile{side}"]] += own / smile
    return shading


def _scalars(parts: PortraitParts) -> Array:
    fit, seam, (left, right) = parts.fit, parts.seam, parts.eyes
    pivot = fit.place(np.array(NECK_PIVOT_MM))
    smile = np.asarray(parts.smile)
    fold = 1 + (np.array(_FOLD_TINT) - 1) * parts.tone.saturation
    middle_y = (left.centre[1] + right.centre[1]) / 2
    eye_z = [parts.surface.skull[int(middle_y / NODE_PX), int(eye.centre[0] / NODE_PX)] for eye in (left, right)]
    values = np.concatenate([
        pivot, [fit.scale], seam.centre, seam.axis_x, seam.axis_y,
        [fit.offset[2] - 10 * fit.scale, sum(eye_z) / 2 + fit.scale],
        [closed_seam_mm(seam, parts.upper_share, fit.scale)],
        left.axis_y, right.axis_y, parts.light.coefficients, parts.tone.cavity() * 255, fold,
        1 - 0.55 * np.minimum(smile, 1), 0.9 * smile,
    ])  # fmt: skip
    if len(values) != len(SCALARS):
        raise ValueError(f"{len(values)} scalars, expected {len(SCALARS)}")
    return values


def closed_seam_mm(seam: LipSeam, upper_share: float, px_per_mm: float) -> float:
    """Where the lips meet in the middle once closed, millimetres below the line through the corners."""
    upper, lower = (float(np.interp(0, seam.position, curve)) for curve in (seam.upper, seam.lower))
    overlap = max(0.0, lower - upper - (0.0 if seam.closed else 0.25 * px_per_mm))
    return (upper + upper_share * overlap) / px_per_mm
