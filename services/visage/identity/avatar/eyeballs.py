"""Eyeball textures completed under the lids, and the masks of lids and eye holes.

All pictures here cover EYE_SOURCE at two samples per frame pixel, shape [192, 384].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from visage.identity.avatar.eyelids import Eye
from visage.identity.avatar.inpainting import push_pull
from visage.media.portrait import EYE_SOURCE, TEXTURE_SCALE
from visage.media.windows import Array, node_centres, smooth_step

_SEARCH_PX = 3.0
_HIDDEN_WHITE = 0.97
_DEFAULT_WHITE = (0.72, 0.68, 0.66)


@dataclass(frozen=True)
class EyeLayers:
    """colour: float32 [192, 384, 3], photo inside the opening, completed outside; hole, lid: float32 [192, 384].

    hole: where the base layer lets the eyeball show; lid: alpha of the upper-lid skin that is stretched in a blink.
    """

    colour: Array
    hole: Array
    lid: Array

    @property
    def eyeball_alpha(self) -> Array:
        """Wider than the hole, so that a raised lid still finds an eyeball."""
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (33, 33))
        return np.asarray(cv2.dilate(self.hole, kernel))


def eye_source_points() -> Array:
    """Frame points of the pixels of EYE_SOURCE, [192, 384, 2]."""
    rows, columns = EYE_SOURCE.shape(scale=TEXTURE_SCALE)
    return node_centres(columns, rows, 1 / TEXTURE_SCALE, EYE_SOURCE.x, EYE_SOURCE.y)


def complete_eyes(picture: Array, eyes: tuple[Eye, Eye], bright_skin: float) -> tuple[EyeLayers, tuple[Eye, Eye]]:
    """Textures and masks of both eyes, and the eyes with their iris centres refined to the photo.

    picture: float32 RGB [1024, 1024, 3], 0..1; bright_skin: brightness of well-lit skin, 0..1.
    """
    rows, columns = EYE_SOURCE.slices(scale=TEXTURE_SCALE)
    source = picture[rows, columns]
    grey = np.asarray(cv2.GaussianBlur(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY), (0, 0), 1.5))
    points = eye_source_points()
    colour, hole, lid = source.copy(), np.zeros(grey.shape), np.zeros(grey.shape)
    refined = []
    for outlined in eyes:
        eye = replace(outlined, iris_centre=_refine_iris(grey, outlined))
        refined.append(eye)
        x, y = eye.local(points)
        near = (np.abs(x) < 1.5) & (np.abs(y) < 2.2 * eye.half_width)
        completed = _complete(source, eye, x, y, points, bright_skin)
        colour = np.where(near[..., None], completed, colour)
        hole = np.maximum(hole, np.where(near, _hole(eye, x, y), 0))
        close = (np.abs(x) < 1.6) & (np.abs(y) < 4 * eye.half_width)
        lid = np.maximum(lid, np.where(close, _lid(eye, x, y), 0))
    layers = EyeLayers(np.clip(colour, 0, 1).astype(np.float32), hole.astype(np.float32), lid.astype(np.float32))
    return layers, (refined[0], refined[1])


def _refine_iris(grey: Array, eye: Eye) -> Array:
    """The centre near the landmark whose disc is darkest against the ring around it."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], -1) * eye.iris_radius
    disc = np.concatenate([circle * share for share in (0.35, 0.7, 0.9)])
    shifts = np.arange(-_SEARCH_PX, _SEARCH_PX + 0.1, 0.5)
    best, centre = np.inf, eye.iris_centre
    for shift_x in shifts:
        for shift_y in shifts:
            trial = eye.iris_centre + np.array([shift_x, shift_y])
            inner, ring = _visible(eye, trial + disc), _visible(eye, trial + circle * 1.18)
            if len(inner) < 12 or len(ring) < 4:
                continue
            contrast = _sample(grey, inner).mean() - _sample(grey, ring).mean()
            score = contrast + 0.004 * (shift_x**2 + shift_y**2)
            if score < best:
                best, centre = score, trial
    return np.asarray(centre)


def _visible(eye: Eye, points: Array) -> Array:
    x, y = eye.local(points)
    return np.asarray(points[(y > eye.at(eye.upper, x) + 0.5) & (y < eye.at(eye.lower, x) - 0.5) & (np.abs(x) < 0.97)])


def _sample(grey: Array, points: Array) -> Array:
    at = (points - (EYE_SOURCE.x, EYE_SOURCE.y)) * TEXTURE_SCALE - 0.5
    return np.asarray(map_coordinates(grey, [at[:, 1], at[:, 0]], order=1, mode="nearest"))


def _complete(source: Array, eye: Eye, x: Array, y: Array, points: Array, bright_skin: float) -> Array:
    """The photo inside the opening, an iris of the photo's radial profile on a continued white elsewhere."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    inside = (y > upper + eye.rim + 0.6) & (y < lower - eye.rim * 0.8 - 0.4) & (np.abs(x) < 0.95)
    radius = np.hypot(*np.moveaxis(points - eye.iris_centre, -1, 0)) / eye.iris_radius
    white_area = (y > upper + eye.rim + 1) & (y < lower - eye.rim - 0.3) & (np.abs(x) < 0.84) & (radius > 1.16)
    white = _continue_white(source, white_area, bright_skin)
    shade = np.interp(y - upper, [-12, 0, 4], [0.80, 0.90, 1.0]) * np.interp(y - lower, [-3, 1, 8], [1.0, 0.90, 0.82])
    white = white * shade[..., None]
    share = 1 - smooth_step(0.93, 1.12, radius)[..., None]
    completed = white * (1 - share) + _iris(source, inside, radius) * share
    keep = np.clip(np.asarray(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.6)), 0, 1)[..., None]
    return np.asarray(source * keep + completed * (1 - keep))


def _iris(source: Array, inside: Array, radius: Array) -> Array:
    steps = np.linspace(0, 1.3, 40)
    profile = np.full((40, 3), np.nan)
    for index, step in enumerate(steps):
        ring = inside & (np.abs(radius - step) < 0.06)
        if ring.sum() > 6:
            profile[index] = np.median(source[ring], 0)
    known = ~np.isnan(profile[:, 0])
    if known.sum() <= 4:
        profile = np.full((40, 3), 0.2)
    else:
        profile = np.stack([np.interp(steps, steps[known], profile[known, c]) for c in range(3)], -1)
    profile = gaussian_filter(profile, (1, 0))
    return np.stack([np.interp(radius, steps, profile[:, c]) for c in range(3)], -1)


def _continue_white(source: Array, white_area: Array, bright_skin: float) -> Array:
    if white_area.sum() <= 30:
        return np.broadcast_to(np.array(_DEFAULT_WHITE) * bright_skin / 0.8, source.shape)
    brightness = source.mean(-1)
    bright = white_area & (brightness >= np.percentile(brightness[white_area], 45))
    median = np.median(source[bright], 0)
    extended = push_pull(np.where(bright[..., None], source, median), bright.astype(np.float32))
    far = np.clip(distance_transform_edt(~bright) / TEXTURE_SCALE / 14, 0, 1)[..., None]
    white = extended * (1 - far) + median * far
    white = np.asarray(cv2.GaussianBlur(white.astype(np.float32), (0, 0), 2.0))
    # What lies under the lids is no brighter than what shows: highlights must not spread.
    limit = _HIDDEN_WHITE * np.median(brightness[white_area])
    return np.asarray(white * np.minimum(1, limit / np.maximum(white.mean(-1, keepdims=True), 1e-3)))


def _hole(eye: Eye, x: Array, y: Array) -> Array:
    """The opening and a strip above the lash line, so that the lid can lift a little."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    lift = np.minimum(5.0 * eye.px_per_mm, 0.55 * eye.room(x)) * np.sqrt(np.clip(1 - x * x, 0, 1))
    across = np.clip((1 - np.abs(x)) * eye.half_width / 1.2, 0, 1)
    top = np.clip((y - (upper - lift)) / 1.5, 0, 1)
    bottom = np.clip((lower - eye.rim * 0.8 - y) / 1.0 + 0.5, 0, 1)
    return np.asarray(top * bottom * across * np.clip((lower - upper) / 3, 0, 1))


def _lid(eye: Eye, x: Array, y: Array) -> Array:
    """Skin between lash line and brow."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    height = (upper - y) / eye.room(x)
    rim = eye.rim * np.clip((lower - upper) / 3, 0, 1)
    edge = np.clip((upper + rim - y) / 1.1 + 0.5, 0, 1)
    return np.asarray(edge * (1 - smooth_step(0.92, 1.12, height)) * (1 - smooth_step(1.08, 1.5, np.abs(x))))
