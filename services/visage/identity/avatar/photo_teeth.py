"""Teeth that the photo itself shows: measured, and taken into the atlas of the upper teeth."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from visage.identity.avatar.lip_seam import LipSeam
from visage.identity.avatar.mouth_interior import atlas_points
from visage.media.portrait import ATLAS_PX_PER_MM, TEXTURE_SCALE, UPPER_ATLAS_Y_MM
from visage.media.windows import Array, smooth_step

_CLOSED_UPPER_SHARE = 0.42
_TEETH_FROM = 0.3
"""Share of bright pixels in the opening from which teeth are taken over."""


def bright_share(grey: Array, seam: LipSeam, bright_skin: float, px_per_mm: float) -> float:
    """Share of the photo's mouth opening that is as bright as teeth, 0 for a closed mouth.

    grey: float32 [1024, 1024], 0..1; bright_skin: typical brightness of the face.
    """
    if seam.closed:
        return 0.0
    x = np.linspace(-0.8, 0.8, 65)
    upper, lower = np.interp(x, seam.position, seam.upper), np.interp(x, seam.position, seam.lower)
    across = np.linspace(0.12, 0.88, 25)
    y = upper[:, None] + (lower - upper)[:, None] * across
    points = seam.frame(x[:, None] + 0 * across, y)
    brightness = _sample(grey, points)[lower - upper > 1.5 * px_per_mm]
    return float((brightness > 0.72 * bright_skin).mean()) if brightness.size else 0.0


def upper_lip_share(seam: LipSeam, bright: float) -> float:
    """How much of closing the photo's mouth the upper lip does: more when it shows teeth, as in a smile."""
    return _CLOSED_UPPER_SHARE if seam.closed else float(np.interp(bright, [0.15, 0.5], [0.30, 0.64]))


def shows_teeth(bright: float) -> bool:
    """Whether teeth are taken from the photo."""
    return bright > _TEETH_FROM


def blend_photo_teeth(atlas: Array, picture: Array, seam: LipSeam, seam_mm: float, px_per_mm: float) -> Array:
    """The upper-teeth atlas aligned and graded to the photo's teeth, with the photo's own pixels where it shows them.

    atlas: graded premultiplied RGBA [160, 320, 4]; picture: float32 RGB [1024, 1024, 3];
    seam_mm: height of the closed seam below the corner line.
    """
    x_mm, y_mm = atlas_points(UPPER_ATLAS_Y_MM)
    local_x, local_y = x_mm * px_per_mm / seam.half_width, (y_mm + seam_mm) * px_per_mm
    points = seam.frame(local_x, local_y)
    photo = np.stack([_sample(picture[..., channel], points) for channel in range(3)], -1)
    upper, lower = np.interp(local_x, seam.position, seam.upper), np.interp(local_x, seam.position, seam.lower)
    inside = np.clip((local_y - upper) / 1.2 - 0.4, 0, 1) * np.clip((lower - local_y) / 1.0 - 0.5, 0, 1)
    inside = inside * (np.abs(local_x) < 0.93)
    tooth = _tooth_likeness(photo, inside)
    shifted = _shift_down(atlas, _incisal_shift(x_mm, y_mm, inside, tooth))
    weight = np.asarray(cv2.GaussianBlur((inside * tooth).astype(np.float32), (0, 0), 1.5))
    drawn = np.asarray(cv2.GaussianBlur(shifted[..., 3], (0, 0), 2.0))
    weight = np.clip(weight * 1.15, 0, 1) * smooth_step(0.2, 0.7, drawn)  # not the photo's lower teeth, nor a shine
    both = (weight > 0.6) & (shifted[..., 3] > 0.9)
    if both.sum() > 50:
        colour = np.median(shifted[both][:, :3] / shifted[both][:, 3:], 0)
        shifted[..., :3] *= np.clip(np.median(photo[both], 0) / np.maximum(colour, 0.05), 0.6, 1.6)
    share = weight[..., None]
    opaque = np.concatenate([photo, np.ones_like(share)], -1)
    return np.asarray(shifted * (1 - share) + opaque * share)


def _sample(channel: Array, points: Array) -> Array:
    at = [points[..., 1] * TEXTURE_SCALE - 0.5, points[..., 0] * TEXTURE_SCALE - 0.5]
    return np.asarray(map_coordinates(channel, at, order=1, mode="nearest"))


def _tooth_likeness(photo: Array, inside: Array) -> Array:
    brightness = photo.mean(-1)
    saturation = (photo.max(-1) - photo.min(-1)) / np.maximum(photo.max(-1), 0.05)
    core = inside > 0.9
    reference = float(np.percentile(brightness[core], 80)) if core.sum() > 20 else 0.8
    bright = smooth_step(0.42, 0.72, brightness / max(reference, 0.05))
    return np.asarray(bright * (1 - smooth_step(0.38, 0.6, saturation)))


def _incisal_shift(x_mm: Array, y_mm: Array, inside: Array, tooth: Array) -> float:
    """How far the photo's incisal edges lie below those of the atlas, millimetres."""
    found = (inside > 0.5) & (tooth > 0.5) & (np.abs(x_mm) < 6)
    columns = np.where(found.any(0))[0]
    if not len(columns):
        return 0.0
    last = [y_mm[np.where(found[:, column])[0][-1], column] for column in columns]
    return float(np.median(last)) - 0.2


def _shift_down(atlas: Array, shift_mm: float) -> Array:
    matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, shift_mm * ATLAS_PX_PER_MM]])
    size = (atlas.shape[1], atlas.shape[0])
    return np.array(cv2.warpAffine(atlas.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE))
