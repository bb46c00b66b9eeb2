"""Depth of the portrait: the mesh's own inside the face, a dome to the silhouette, a neck behind the chin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter

from visage.identity.avatar.canonical_map import GRID, frame_nodes
from visage.identity.avatar.inpainting import harmonic_fill, resize
from visage.identity.avatar.matte import face_mask
from visage.media.canonical_face import MESH_POINTS, FaceFit
from visage.media.portrait import FRAME_PX, HEAD, NODE_PX
from visage.media.windows import Array, smooth_step

_SILHOUETTE_MM = 66.0
_WIDE_DROP_MM = 48.0
_DOME_END = 0.97
_STEEPEST = 1.15
"""Largest depth gradient (pixels per pixel); a steeper surface would fold when the head turns."""


@dataclass(frozen=True)
class HeadSurface:
    """Per node of the frame grid, float64 [128, 128] each.

    jaw, skull: depth in pixels (z away from the viewer) of the two layers; the skull layer is the neck below the chin.
    jaw_weight, skull_weight: how rigidly a node follows the head, 1 on the skull, 0 on the shoulders.
    """

    jaw: Array
    skull: Array
    jaw_weight: Array
    skull_weight: Array


def lift_surface(landmarks: Array, alpha: Array, fit: FaceFit) -> HeadSurface:
    """Depth and rigidity of every node. alpha: float32 [512, 512]."""
    nodes = frame_nodes()
    canonical = fit.canonical_xy(nodes)
    x_mm, y_mm = canonical[..., 0], canonical[..., 1]
    oval = np.asarray(cv2.erode(face_mask(landmarks), np.ones((7, 7), np.uint8))).astype(np.float32)
    inside = resize(oval, GRID, GRID) > 0.9
    dome = _dome(landmarks, inside, resize(alpha, GRID, GRID) < 0.5, y_mm, fit)
    neck = fit.offset[2] + fit.scale * (
        np.interp(y_mm, [70, 118, 150, 200], [30, 40, 34, 20]) + np.clip(np.abs(x_mm) / 55, 0, 1.4) ** 2 * 22
    )
    jaw = _cap_slopes(dome)
    below_chin = smooth_step(86, 124, y_mm)
    skull = jaw * (1 - below_chin) + gaussian_filter(neck, 1.5) * below_chin
    skull = skull + (_cap_slopes(skull) - skull) * smooth_step(74, 84, y_mm)
    border = _border_window(nodes)
    # What is wide at the height of the chin lies on the shoulders: collars, long hair.
    lower_mm = y_mm + _WIDE_DROP_MM * smooth_step(66, 112, np.abs(x_mm))
    follows = 1 - smooth_step(90, 165, lower_mm)
    return HeadSurface(jaw, skull, (1 - smooth_step(150, 215, y_mm)) * border, follows * border)


def _dome(landmarks: Array, inside: Array, outside_head: Array, y_mm: Array, fit: FaceFit) -> Array:
    """Landmark depth in the oval, and from its rim an elliptic roll-off to the silhouette."""
    nodes = frame_nodes().reshape(-1, 2)
    mesh = landmarks[:MESH_POINTS]
    plate = RBFInterpolator(mesh[:, :2], mesh[:, 2], kernel="thin_plate_spline", smoothing=30.0)
    face = np.zeros((GRID, GRID))
    face[inside] = plate(nodes[inside.ravel()])
    outwards = harmonic_fill(outside_head.astype(np.float64), inside | outside_head)
    rim = harmonic_fill(face, inside)
    away = fit.offset[2] + fit.scale * np.where(
        y_mm < 95, _SILHOUETTE_MM, np.interp(y_mm, [95, 125, 175], [_SILHOUETTE_MM, 50, 45])
    )
    roll = 1 - np.sqrt(1 - np.clip(outwards, 0, _DOME_END) ** 2)
    share = np.clip(roll / (1 - np.sqrt(1 - _DOME_END**2)), 0, 1)
    return np.asarray(gaussian_filter(np.where(inside, face, rim + (away - rim) * share), 1.6))


def _cap_slopes(depth: Array) -> Array:
    """Smooth the steepest places until no gradient exceeds `_STEEPEST`."""
    for _ in range(80):
        along_y, along_x = np.gradient(depth, NODE_PX)
        slope = np.hypot(along_x, along_y)
        if slope.max() < _STEEPEST:
            break
        excess = np.clip((slope - _STEEPEST) / _STEEPEST, 0, 1)
        blend = gaussian_filter(np.minimum(1, excess * 3), 1.0)
        depth = depth + (gaussian_filter(depth, 1.5) - depth) * blend
    return depth


def _border_window(nodes: Array) -> Array:
    """Falls to zero at the sides and the foot of the moving box, so that its border stays still."""
    x, y = nodes[..., 0], nodes[..., 1]
    sides = smooth_step(HEAD.x, HEAD.x + 36, x) * smooth_step(HEAD.right, HEAD.right - 36, x)
    foot = smooth_step(HEAD.bottom - 2, HEAD.bottom - 56, y)
    return np.asarray(sides * foot * (y < FRAME_PX))
