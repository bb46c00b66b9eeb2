"""Glasses: rims that cross the lid zone stay in front of the lids."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from visage.identity.avatar.eyelids import Eye
from visage.identity.avatar.inpainting import resize
from visage.identity.avatar.lip_seam import cheapest_path
from visage.media.portrait import EYE_SOURCE, TEXTURE_SCALE
from visage.media.windows import Array

_BRIDGE_CONTRAST = 0.10
_RIM_CONTRAST = 0.09
_RIM_QUARTILE = 0.05
_STEP_COST = 0.03


@dataclass(frozen=True)
class Glasses:
    """alpha: float32 [192, 384] over EYE_SOURCE; lid_colour: float32 [192, 384, 3], the skin without the rims."""

    alpha: Array
    lid_colour: Array


def find_glasses(picture: Array, canonical: Array, eyes: tuple[Eye, Eye], px_per_mm: float) -> Glasses:
    """Rims over the lids, alpha 0 everywhere when the face wears none.

    picture: float32 RGB [1024, 1024, 3]; canonical: float64 [128, 128, 2], canonical x, y of the frame's nodes.
    """
    rows, columns = EYE_SOURCE.slices(scale=TEXTURE_SCALE)
    source = picture[rows, columns]
    none = Glasses(np.zeros(source.shape[:2], np.float32), source)
    ridges = _ridges(picture, px_per_mm)
    if _bridge_contrast(ridges, canonical) <= _BRIDGE_CONTRAST:
        return none
    keep = np.zeros(ridges.shape, np.uint8)
    for eye in eyes:
        _draw_upper_rim(keep, ridges, eye, px_per_mm)
    if keep.sum() <= 200:
        return none
    wide = np.asarray(cv2.dilate(keep, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))))[rows, columns]
    alpha = np.asarray(cv2.GaussianBlur(wide.astype(np.float32), (0, 0), 1.2))
    hole = np.asarray(cv2.dilate(wide, np.ones((3, 3), np.uint8)))
    skin = cv2.inpaint((source.clip(0, 1) * 255).astype(np.uint8), hole, 5, cv2.INPAINT_TELEA)
    skin = np.asarray(skin).astype(np.float32) / 255
    return Glasses(alpha, source * (1 - alpha[..., None]) + skin * alpha[..., None])


def _ridges(picture: Array, px_per_mm: float) -> Array:
    """Strength of thin dark or bright lines, float32 [1024, 1024]."""
    grey = np.asarray(cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0))
    size = round(4.2 * px_per_mm) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    dark = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel))
    return np.maximum(dark, np.asarray(cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel)))


def _bridge_contrast(ridges: Array, canonical: Array) -> float:
    """The weakest column of the strongest line across the bridge of the nose."""
    middle = np.abs(canonical[..., 0]) < 9
    rows, columns = np.where(middle & (np.abs(canonical[..., 1]) < 16))
    cell = ridges.shape[0] // canonical.shape[0]
    top, bottom = rows.min() * cell, (rows.max() + 1) * cell
    left, right = columns.min() * cell, (columns.max() + 1) * cell
    patch = canonical[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    patch = resize(patch, right - left, bottom - top)
    zone = (np.abs(patch[..., 0]) < 7) & (np.abs(patch[..., 1]) < 14)
    strength = ridges[top:bottom, left:right]
    best = [strength[zone & (np.abs(patch[..., 0] - x) < 1)].max(initial=0.0) for x in np.arange(-6, 6.1, 1.5)]
    return float(min(best))


def _draw_upper_rim(keep: Array, ridges: Array, eye: Eye, px_per_mm: float) -> None:
    """Draw the best line across the lid zone of one eye, if there is one."""
    density = TEXTURE_SCALE * px_per_mm
    reach = 1.25 * eye.half_width
    x = np.arange(int((eye.centre[0] - reach) * TEXTURE_SCALE), int((eye.centre[0] + reach) * TEXTURE_SCALE))
    offset_x = (x + 0.5) / TEXTURE_SCALE - eye.centre[0]
    local = offset_x / eye.half_width / eye.axis_x[0]
    tilt = eye.axis_x[1] / eye.axis_x[0]
    lash = (eye.centre[1] + tilt * offset_x + eye.at(eye.upper, local)) * TEXTURE_SCALE
    offset = np.arange(-int(15 * density), int(2 * density))
    beside = np.where(np.abs(local)[:, None] > 1, np.maximum(offset, 0)[None], 0)
    y = lash[:, None] - 1.5 * density + np.minimum(offset, 0)[None] + beside
    columns = np.broadcast_to(x[:, None], y.shape)
    strength = map_coordinates(ridges, [y - 0.5, columns], order=1, mode="nearest")
    path = cheapest_path(-strength, _STEP_COST)
    along = strength[np.arange(len(x)), path]
    if np.percentile(along, 25) > _RIM_QUARTILE and along.mean() > _RIM_CONTRAST:
        line = np.stack([x, np.round(y[np.arange(len(x)), path])], -1).astype(np.int32)
        cv2.polylines(keep, [line], False, (1,), round(1.1 * px_per_mm) * 2 + 1)
