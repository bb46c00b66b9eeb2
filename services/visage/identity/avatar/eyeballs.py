"""Eyeball textures completed under the lids, and the masks of lids and eye holes.

All pictures here cover EYE_SOURCE at two samples per frame pixel, shape [192, 384].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from visage.identity.avatar.eyelids import Eye
from visage.identity.avatar.inpainting import push_pull, resize
from visage.identity.avatar.matte import silhouette_distance
from visage.media.portrait import EYE_SOURCE, TEXTURE_SCALE
from visage.media.windows import Array, node_centres, smooth_step

_SEARCH_PX = 3.0
_DEFAULT_WHITE = (0.72, 0.68, 0.66)
_DENSEST_VEIL = 0.85
_RAISED_LID_SHADOW = 0.2
_MOST_REFLECTION = 0.16
"""Share of the iris; what is larger is no reflection of a lamp and stays with the iris."""
_CLEAR_OF_SILHOUETTE_PX = 2.0


@dataclass(frozen=True)
class EyeLayers:
    """colour: float32 [192, 384, 3], photo inside the opening, completed outside; hole, lid: float32 [192, 384].

    hole: where the base layer lets the eyeball show; lid: alpha of the upper-lid skin that is stretched in a blink;
    veil: premultiplied RGBA [192, 384, 4] that stays in the opening while the eyeball moves behind it: rims and
    shadow of the lids, and the light's reflection, which is colour without alpha. Veil over colour is the photo.
    """

    colour: Array
    hole: Array
    lid: Array
    veil: Array

    def eyeball_alpha(self, matte: Array) -> Array:
        """Wider than the hole, so that a raised lid still finds an eyeball, but nowhere outside of the head.

        matte: float32 [512, 512], the portrait's alpha.
        """
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (33, 33))
        inside = smooth_step(0, _CLEAR_OF_SILHOUETTE_PX, silhouette_distance(matte))
        rows, columns = EYE_SOURCE.slices()
        inside = resize(inside[rows, columns], *self.hole.shape[::-1])
        return np.asarray(cv2.dilate(self.hole, kernel) * inside)


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
    veil = np.zeros((*grey.shape, 4))
    refined = []
    for outlined in eyes:
        eye = replace(outlined, iris_centre=_refine_iris(grey, outlined))
        refined.append(eye)
        x, y = eye.local(points)
        near = (np.abs(x) < 1.5) & (np.abs(y) < 2.2 * eye.half_width)
        completed, own_veil = _complete(source, eye, x, y, points, bright_skin)
        colour = np.where(near[..., None], completed, colour)
        veil = np.where(near[..., None], own_veil, veil)
        hole = np.maximum(hole, np.where(near, _hole(eye, x, y), 0))
        close = (np.abs(x) < 1.6) & (np.abs(y) < 4 * eye.half_width)
        lid = np.maximum(lid, np.where(close, _lid(eye, x, y), 0))
    layers = EyeLayers(
        np.clip(colour, 0, 1).astype(np.float32), hole.astype(np.float32), lid.astype(np.float32),
        veil.astype(np.float32),
    )  # fmt: skip
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


def _complete(source: Array, eye: Eye, x: Array, y: Array, points: Array, bright_skin: float) -> tuple[Array, Array]:
    """Eyeball and veil: the photo inside the opening, elsewhere an iris of its radial profile on a continued white."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    inside = (y > upper + eye.rim + 0.6) & (y < lower - eye.rim * 0.8 - 0.4) & (np.abs(x) < 0.95)
    radius = np.hypot(*np.moveaxis(points - eye.iris_centre, -1, 0)) / eye.iris_radius
    white_area = (y > upper + eye.rim + 1) & (y < lower - eye.rim - 0.3) & (np.abs(x) < 0.84) & (radius > 1.16)
    white = _continue_white(source, white_area, bright_skin)
    share = 1 - smooth_step(0.93, 1.12, radius)[..., None]
    iris = _iris(source, inside, radius)
    completed = white * (1 - share) + iris * share
    keep = np.clip(np.asarray(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.6)), 0, 1)[..., None]
    shine = _reflection(source, iris, inside & (radius < 0.72))
    lids = (_lid_zone(eye, x, y) * smooth_step(1.08, 1.4, radius))[..., None]
    ball = (source - shine) * (1 - lids) + completed * lids
    veil = _veil(source, ball) * keep
    raised = (1 - keep[..., 0]) * _RAISED_LID_SHADOW * np.clip((upper + eye.rim + 1 - y) / 4, 0, 1)
    veil = veil + np.stack([0 * raised, 0 * raised, 0 * raised, raised], -1)
    return np.asarray(ball * keep + completed * (1 - keep)), veil


def _lid_zone(eye: Eye, x: Array, y: Array) -> Array:
    """Where lashes, rims and the lids' shadow lie over the eyeball, 0..1."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    under = np.exp(-np.clip(y - upper - eye.rim, 0, None) / (0.22 * eye.opening + 0.5))
    over = np.exp(-np.clip(lower - eye.rim - y, 0, None) / 1.5)
    return np.clip(np.maximum(np.maximum(under, over), smooth_step(0.5, 0.85, np.abs(x))), 0, 1)


def _veil(photo: Array, ball: Array) -> Array:
    """What lies over `ball` in the photo: premultiplied RGBA, veil over ball = photo."""
    clear = ((photo + 0.02) / (ball + 0.02)).min(-1, keepdims=True)  # no veil over black
    clear = np.clip(clear, 1 - _DENSEST_VEIL, 1)
    return np.concatenate([np.clip(photo - clear * ball, 0, 1), 1 - clear], -1)


def _reflection(source: Array, iris: Array, area: Array) -> Array:
    """The light mirrored by the cornea: what is far brighter than the iris at its distance from the pupil."""
    excess = np.clip(source - iris, 0, None)
    bright = smooth_step(0.12, 0.30, excess.mean(-1)) * area
    if bright.sum() > _MOST_REFLECTION * max(int(area.sum()), 1):
        return np.zeros_like(source)
    soft = np.asarray(cv2.GaussianBlur(bright.astype(np.float32), (0, 0), 0.8))
    return np.asarray(excess * np.clip(soft * 1.2, 0, 1)[..., None])


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
    """The white of the eye where the lids hide it."""
    if white_area.sum() <= 30:
        return np.broadcast_to(np.array(_DEFAULT_WHITE) * bright_skin / 0.8, source.shape)
    brightness = source.mean(-1)
    bright = white_area & (brightness >= np.percentile(brightness[white_area], 45))
    median = np.median(source[bright], 0)
    extended = push_pull(np.where(bright[..., None], source, median), bright.astype(np.float32))
    far = np.clip(distance_transform_edt(~bright) / TEXTURE_SCALE / 14, 0, 1)[..., None]
    white = extended * (1 - far) + median * far
    white = np.asarray(cv2.GaussianBlur(white.astype(np.float32), (0, 0), 2.0))
    # What lies under the lids is no brighter than most of what shows: highlights must not spread.
    limit = np.percentile(brightness[white_area], 65)
    return np.asarray(white * np.minimum(1, limit / np.maximum(white.mean(-1, keepdims=True), 1e-3)))


def _hole(eye: Eye, x: Array, y: Array) -> Array:
    """The opening and a strip above the lash line, so that the lid can lift a little."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    lift = np.minimum(5.0 * eye.px_per_mm, 0.55 * eye.room(x)) * np.sqrt(np.clip(1 - x * x, 0, 1))
    across = smooth_step(0.95, 0.74, np.abs(x))
    top = np.clip((y - (upper - lift)) / 1.5, 0, 1)
    # Soft inside of what the photo shows: the eyeball's texture is the photo there, so nothing changes at rest.
    bottom = np.clip((lower - eye.rim * 0.8 - 0.4 - y) / 2.0, 0, 1)
    return np.asarray(top * bottom * across * np.clip((lower - upper) / 3, 0, 1))


def _lid(eye: Eye, x: Array, y: Array) -> Array:
    """Skin between lash line and brow."""
    upper, lower = eye.at(eye.upper, x), eye.at(eye.lower, x)
    height = (upper - y) / eye.room(x)
    rim = eye.rim * np.clip((lower - upper) / 3, 0, 1)
    edge = np.clip((upper + rim - y) / 1.1 + 0.5, 0, 1)
    return np.asarray(edge * (1 - smooth_step(0.92, 1.12, height)) * (1 - smooth_step(1.08, 1.5, np.abs(x))))
