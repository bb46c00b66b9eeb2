"""Folds and wrinkles of the skin as shading fields per curve (log brightness on the canonical face)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.windows import Array, bump, smooth_step

_NASOLABIAL = ((17, 41), (22, 49), (29, 58), (33, 68), (34, 76))
_DIMPLE = ((31, 62), (33, 70), (31, 77))
_MARIONETTE = ((27, 76), (30, 84), (30, 92))
_UNDER_EYE = ((22, 8), (30, 13), (40, 12))
_FOREHEAD = ((-38.0, 0.07), (-45.0, 0.08), (-52.0, 0.06))
"""Height of each forehead line (mm) and its depth."""

_SMILE_FOLD_SHARE = 0.9

_Add = Callable[[str, Array], None]


def fold_shading(x: Array, y: Array) -> Array:
    """Shading at canonical x, y (mm), float64 [52, *shape]; negative is darker."""
    shading = np.zeros((CURVE_COUNT, *x.shape))

    def add(curve: str, value: Array) -> None:
        shading[CURVE_INDEX[curve]] += value

    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        _shade_lower_face(add, side, x * sign, y)
        _shade_upper_face(add, side, x * sign, y)
    groove = np.exp(-(((y - 88) / 2.5) ** 2)) * np.exp(-((x / 14) ** 2))
    add("MouthShrugLower", -0.10 * groove + 0.05 * bump(x, y, 0, 97, 14, 6))
    add("MouthRollLower", -0.08 * np.exp(-(((y - 84) / 3) ** 2)) * np.exp(-((x / 16) ** 2)))
    return shading


def _shade_lower_face(add: _Add, side: str, x: Array, y: Array) -> None:
    distance, cheek_side, along = _to_polyline(x, y, _NASOLABIAL)
    envelope = np.sin(np.clip(along, 0.02, 0.98) * np.pi) ** 0.6 * (distance < 14)
    on_cheek = np.where(cheek_side, 0.045 * np.exp(-(((distance - 6) / 4) ** 2)), 0)
    on_lip = np.where(cheek_side, 0, -0.015 * np.exp(-(((distance - 5) / 4) ** 2)))
    fold = (-0.09 * np.exp(-((distance / 2.6) ** 2)) + on_cheek + on_lip) * envelope
    add(f"MouthSmile{side}", fold + 0.05 * bump(x, y, 40, 38, 12, 9))
    for curve, share in (("MouthUpperUp", 0.35), ("NoseSneer", 0.6), ("CheekSquint", 0.15), ("MouthStretch", 0.25)):
        add(f"{curve}{side}", share * fold)
    dimple, _, _ = _to_polyline(x, y, _DIMPLE)
    add(f"MouthDimple{side}", -0.14 * np.exp(-((dimple / 2.2) ** 2)))
    marionette, _, _ = _to_polyline(x, y, _MARIONETTE)
    add(f"MouthFrown{side}", -0.05 * np.exp(-((marionette / 2.2) ** 2)))
    add("JawOpen", -0.05 * bump(x, y, 42, 68, 12, 20))
    add("MouthPucker", -0.05 * bump(x, y, 38, 66, 12, 18))
    add("CheekPuff", 0.05 * bump(x, y, 40, 70, 14, 14))


def _shade_upper_face(add: _Add, side: str, x: Array, y: Array) -> None:
    for height, depth in _FOREHEAD:
        off = y - (height - 1.5 * np.cos(x / 14))
        line = -depth * np.exp(-((off / 1.5) ** 2)) + 0.5 * depth * np.exp(-(((off - 3.2) / 2) ** 2))
        add("BrowInnerUp", line * np.exp(-((x / 26) ** 2)) * (x >= 0))
        add(f"BrowOuterUp{side}", line * np.exp(-(((x - 36) / 18) ** 2)))
    frown = x - (4.5 + 0.05 * (y + 22))
    crease = -0.16 * np.exp(-((frown / 1.3) ** 2)) + 0.05 * np.exp(-(((frown - 3.2) / 2) ** 2))
    add(f"BrowDown{side}", crease * np.exp(-(((y + 21) / 9) ** 2)))
    root = np.exp(-(((y - 4 - 0.35 * x) / 1.2) ** 2)) * np.exp(-(((x - 6) / 5) ** 2))
    add(f"NoseSneer{side}", -0.10 * root)
    under, _, _ = _to_polyline(x, y, _UNDER_EYE)
    add(f"EyeSquint{side}", -0.035 * np.exp(-((under / 2.2) ** 2)))
    add(f"CheekSquint{side}", -0.045 * np.exp(-((under / 2.4) ** 2)) + 0.03 * bump(x, y, 38, 24, 12, 7))


def smile_folds(brightness: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """The folds that the photo's own smile makes beside nose and mouth, left and right, 0 or negative.

    brightness: any scale, at canonical x, y (mm) on a regular grid. Added to the shading of MouthSmile in units of the
    photo's smile, they deepen with a stronger smile and go when the smile is taken off.
    """
    blurred = gaussian_filter(brightness, 0.6)
    detail = np.log((blurred + 0.02) / (gaussian_filter(brightness, 3.0) + 0.02))
    sides = []
    for sign in (1.0, -1.0):
        fold, _, along = _to_polyline(x * sign, y, _NASOLABIAL)
        below, _, _ = _to_polyline(x * sign, y, _MARIONETTE)
        corner = np.hypot((x * sign - 24.8) / 7, (y - 69.6) / 5)
        near = np.maximum(smooth_step(9, 4, fold) * (along > 0.04), smooth_step(6, 3, below))
        sides.append(np.clip(detail, -0.5, 0) * near * smooth_step(0.8, 1.4, corner) * _SMILE_FOLD_SHARE)
    return sides[0], sides[1]


def _to_polyline(x: Array, y: Array, points: Sequence[tuple[float, float]]) -> tuple[Array, Array, Array]:
    """Distance to a polyline, whether the point lies on its left-hand side, and the position along it, 0..1."""
    distance = np.full(x.shape, np.inf)
    left = np.zeros(x.shape, bool)
    along = np.zeros(x.shape)
    for index, (start, stop) in enumerate(pairwise(points)):
        step_x, step_y = stop[0] - start[0], stop[1] - start[1]
        share = ((x - start[0]) * step_x + (y - start[1]) * step_y) / (step_x**2 + step_y**2)
        share = np.clip(share, 0, 1)
        off_x, off_y = x - start[0] - share * step_x, y - start[1] - share * step_y
        this = np.hypot(off_x, off_y)
        nearer = this < distance
        distance = np.where(nearer, this, distance)
        left = np.where(nearer, step_x * off_y - step_y * off_x < 0, left)
        along = np.where(nearer, (index + share) / (len(points) - 1), along)
    return distance, left, along
