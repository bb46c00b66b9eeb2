"""The background completed behind head and hair."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from visage.identity.avatar.inpainting import push_pull, resize
from visage.identity.avatar.matte import sure_background
from visage.media.portrait import FRAME_PX, STORED_PX
from visage.media.windows import Array

_NEAR_PX = 40.0
_DETAIL_PX = 8.0
_STRONGEST_DETAIL = 1.5
_STORED = STORED_PX / FRAME_PX
_GRAIN_SEED = 0
_MAX_GRAIN = 0.012


def complete_background(picture: Array, alpha: Array) -> Array:
    """The photo without the portrait, float32 RGB [768, 768, 3], 0..1.

    Near its edge the hole is continued along the isophotes (A. Telea, "An Image Inpainting Technique Based on the
    Fast Marching Method", 2004), farther in by a smooth pyramid fill; grain like that of the photo is added.
    picture: float32 RGB [any, any, 3], 0..1, square; alpha: float32 [512, 512].
    """
    picture, alpha = resize(picture, STORED_PX, STORED_PX), resize(alpha, STORED_PX, STORED_PX)
    clear = sure_background(alpha)
    hole = (clear < 0.5).astype(np.uint8)
    smooth = push_pull(picture, clear)
    half = FRAME_PX // 2
    small = (resize(picture, half, half) * 255).astype(np.uint8)
    small_hole = np.asarray(cv2.resize(hole, (half, half), interpolation=cv2.INTER_NEAREST))
    near = np.asarray(cv2.inpaint(small, small_hole, 7, cv2.INPAINT_TELEA)).astype(np.float32) / 255
    near = np.asarray(cv2.resize(near, (STORED_PX, STORED_PX), interpolation=cv2.INTER_CUBIC))
    distance = np.asarray(cv2.distanceTransform(hole, cv2.DIST_L2, 5))[..., None] / _STORED
    share = np.clip(1 - distance / _NEAR_PX, 0, 1)
    fill = np.asarray(cv2.GaussianBlur(share * near + (1 - share) * smooth, (0, 0), 2.0))
    fill = fill + _mirrored_detail(picture, clear) + _grain(picture, clear)
    edge = np.asarray(cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.5))[..., None]
    return np.asarray(np.clip(picture * (1 - edge) + fill * edge, 0, 1), np.float32)


def _mirrored_detail(picture: Array, clear: Array) -> Array:
    """What is finer than the smooth fill: the background's own texture, mirrored at the edge of the hole."""
    size = (0, 0)
    blur_px = _DETAIL_PX * _STORED
    cover = np.asarray(cv2.GaussianBlur(clear, size, blur_px))[..., None]
    smooth = np.asarray(cv2.GaussianBlur(picture * clear[..., None], size, blur_px)) / np.maximum(cover, 1e-3)
    detail = ((picture - smooth) * clear[..., None]).astype(np.float32)
    strength = float(np.sqrt((detail[clear > 0.5] ** 2).mean())) if clear.any() else 0.0
    detail = detail.clip(-_STRONGEST_DETAIL * strength, _STRONGEST_DETAIL * strength)  # texture, no objects
    distance, nearest = distance_transform_edt(clear < 0.5, return_indices=True)
    y, x = np.mgrid[:STORED_PX, :STORED_PX].astype(np.float32)
    at_y, at_x = 2 * nearest[0] - y, 2 * nearest[1] - x
    mirrored = cv2.remap(
        detail, at_x.astype(np.float32), at_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    share = np.clip(1.6 - distance / (_NEAR_PX * _STORED), 0, 1) * (distance > 0)
    return np.asarray(np.asarray(mirrored) * share[..., None])


def _grain(picture: Array, clear: Array) -> Array:
    """Noise of the photo's own strength, [768, 768, 1]."""
    detail = picture - np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5))
    known = clear > 0.5
    strength = float(np.sqrt((detail[known] ** 2).mean())) if known.sum() > 500 else 0.004
    noise = np.random.default_rng(_GRAIN_SEED).normal(size=(STORED_PX, STORED_PX)).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8))
    return np.asarray(noise / noise.std() * min(strength, _MAX_GRAIN))[..., None]
