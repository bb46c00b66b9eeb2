"""Teeth and tongue drawn in millimetres: an atlas for the upper teeth, the lower teeth and the tongue.

Atlases are premultiplied RGBA, float32 [rows, columns, 4], relative to the white of the teeth; y = 0 is the lip line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from visage.media.portrait import ATLAS_PX_PER_MM, ATLAS_X_MM, LOWER_ATLAS_Y_MM, UPPER_ATLAS_Y_MM
from visage.media.windows import Array, smooth_step

_SUPERSAMPLING = 2
_GUM = (0.80, 0.50, 0.47)
_TONGUE = (0.86, 0.48, 0.46)


@dataclass(frozen=True)
class _Arch:
    """Teeth of one jaw from the middle outwards (millimetres)."""

    edges: tuple[float, ...]
    heights: tuple[float, ...]
    incisal: tuple[float, ...]
    brightness: tuple[float, ...]
    direction: int  # +1: teeth point down
    seed: int


_UPPER = _Arch(
    (0, 8.3, 14.4, 19.6, 23.6, 26.4, 28.6), (10.4, 9.2, 10.0, 8.2, 7.2, 6.4), (1.2, 0.7, 1.0, 0.3, -0.3, -0.9),
    (1, 0.985, 0.94, 0.86, 0.68, 0.5, 0.36), 1, 1,
)  # fmt: skip
_LOWER = _Arch(
    (0, 5.0, 10.2, 15.6, 20.0, 23.6, 26.2), (8.6, 8.8, 9.4, 8, 7, 6.5), (0.9, 0.8, 0.7, 1.3, 1.9, 2.5),
    (0.88, 0.86, 0.80, 0.70, 0.52, 0.40, 0.28), -1, 2,
)  # fmt: skip


@dataclass(frozen=True)
class MouthAtlas:
    """Premultiplied RGBA: upper_teeth [160, 320, 4], lower_teeth and tongue [230, 320, 4]."""

    upper_teeth: Array
    lower_teeth: Array
    tongue: Array


@cache
def draw_mouth() -> MouthAtlas:
    """The atlas before grading to a photo; the same for all, so it is drawn once (about a second)."""
    return MouthAtlas(_draw_teeth(_UPPER, UPPER_ATLAS_Y_MM), _draw_teeth(_LOWER, LOWER_ATLAS_Y_MM), _draw_tongue())


def atlas_points(y_mm: tuple[int, int], density: float = ATLAS_PX_PER_MM) -> tuple[Array, Array]:
    """x and y in millimetres of the atlas' pixels."""
    x = (np.arange(round((ATLAS_X_MM[1] - ATLAS_X_MM[0]) * density)) + 0.5) / density + ATLAS_X_MM[0]
    y = (np.arange(round((y_mm[1] - y_mm[0]) * density)) + 0.5) / density + y_mm[0]
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y


def _draw_teeth(arch: _Arch, y_mm: tuple[int, int]) -> Array:
    x, y = atlas_points(y_mm, ATLAS_PX_PER_MM * _SUPERSAMPLING)
    colour, alpha = _draw_gum(arch, np.abs(x), y)
    random = np.random.default_rng(arch.seed)
    for side in (1, -1):
        for index in range(len(arch.heights)):
            tooth, cover = _draw_tooth(arch, index, side, x, y, random.normal(size=2))
            colour = colour * (1 - cover[..., None]) + tooth * cover[..., None]
            alpha = np.maximum(alpha, cover)
    premultiplied = np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)
    blurred = cv2.GaussianBlur(premultiplied, (0, 0), 2.2)
    shape = (x.shape[1] // _SUPERSAMPLING, x.shape[0] // _SUPERSAMPLING)
    return np.asarray(cv2.resize(blurred, shape, interpolation=cv2.INTER_AREA))


def _draw_gum(arch: _Arch, x: Array, y: Array) -> tuple[Array, Array]:
    stations = [0, 10, 20, 28]
    chosen = [0, 1, 2, -1]
    edge = np.interp(x, stations, [arch.incisal[i] for i in chosen])
    line = edge - arch.direction * (np.interp(x, stations, [arch.heights[i] for i in chosen]) - 2.2)
    behind = (line - y) * arch.direction
    alpha = np.clip(behind * 1.2 + 0.5, 0, 1) * (x < 29)
    shade = np.interp(x, [0, 10, 20, 29], [0.80, 0.74, 0.52, 0.30]) * np.interp(behind, [0, 3, 9], [1, 0.86, 0.55])
    return np.array(_GUM) * shade[..., None], alpha


def _draw_tooth(arch: _Arch, index: int, side: int, x: Array, y: Array, noise: Array) -> tuple[Array, Array]:
    width = arch.edges[index + 1] - arch.edges[index]
    centre = (arch.edges[index] + arch.edges[index + 1]) / 2 * side
    across = (x - centre) / (width / 2) * side  # -1 towards the middle, 1 outwards
    height = arch.heights[index]
    up = (arch.incisal[index] + 0.12 * noise[0] - y) * arch.direction / height  # 0 incisal edge, 1 gum
    canine = index == 2
    edge = (1 - 0.16 * smooth_step(0.35, 1.05, up) - 0.03 * smooth_step(0.25, 0, up) - np.abs(across)) * width / 2
    rounding = 0.5 if canine else 0.34 if arch.direction > 0 and index == 1 else 0.26
    corner = np.clip((np.abs(across) - (1 - rounding * 2)) / (rounding * 2), 0, None) ** 2 * (0.9 if canine else 0.55)
    corner = corner + (0.35 * np.abs(across) if canine else 0)
    gum = height * (1 - 0.10 * across**2 - up) - 1.6 * np.clip(np.abs(across) - 0.3, 0, 1) ** 2
    alpha = np.clip(np.minimum(np.minimum(edge, up * height - corner), gum) / 0.22 + 0.85, 0, 1)
    bright = float(np.interp(abs(centre), [0, 6, 12, 17, 22, 25, 28], arch.brightness)) * (1 + noise[1] * 0.012)
    shade = 1 - 0.12 * np.clip(np.abs(across), 0, 1) ** 3 - 0.10 * smooth_step(0.55, 1.05, up)
    shade = shade - 0.05 * smooth_step(0.18, 0, up)
    if index >= 1:
        shade = shade * (1 - 0.08 * np.clip(across, 0, 1))
    shine = 0.05 * np.exp(-(((across + 0.15) / 0.35) ** 2) - ((up - 0.5) / 0.3) ** 2)
    colour = _enamel(up, canine or index > 2) * (shade * bright)[..., None] + shine[..., None] * bright
    return colour * (np.clip(edge / 0.45, 0, 1) * 0.10 + 0.90)[..., None], alpha


def _enamel(up: Array, warm: bool) -> Array:
    red = 1 - 0.015 * smooth_step(0.2, 0, up)
    green = 0.955 - 0.035 * smooth_step(0.4, 1, up)
    blue = 0.875 - 0.085 * smooth_step(0.4, 1, up) + 0.045 * smooth_step(0.25, 0, up)
    tint = np.stack([red, green, blue], -1)
    return tint * np.array([1, 0.975, 0.94]) if warm else tint


def _draw_tongue() -> Array:
    """A mound behind the lower teeth."""
    x, y = atlas_points(LOWER_ATLAS_Y_MM)
    top = -10.5 + (np.abs(x) / 20.5) ** 2.6 * 10 + 0.9 * np.exp(-((x / 2.2) ** 2))
    alpha = np.clip((y - top) / 3.0 + 0.5, 0, 1) * np.clip((22 - np.abs(x)) / 2, 0, 1)
    depth = np.clip((y - top) / 15, 0, 1)
    grain = np.asarray(cv2.GaussianBlur(np.random.default_rng(3).normal(size=x.shape).astype(np.float32), (0, 0), 1.3))
    shade = 0.22 + 0.70 * np.sin(np.clip(depth * 1.5, 0, 1) * np.pi / 2)
    shade = shade * (1 - 0.30 * (np.abs(x) / 20) ** 2) * (1 - 0.07 * np.exp(-((x / 2.0) ** 2)))
    shade = shade + 0.07 * np.exp(-(((np.abs(x) - 5) / 3.0) ** 2) - ((y + 1.0) / 2.2) ** 2)
    colour = np.array(_TONGUE) * (shade * (1 + 0.025 * grain / grain.std()))[..., None]
    tongue = np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(tongue, (0, 0), 1.6))
