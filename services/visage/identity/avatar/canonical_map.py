"""Where each point of the photo lies on the canonical face: one smooth map above the lip seam, one below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from visage.identity.avatar.lip_seam import LipSeam
from visage.media.canonical_face import (
    INNER_CORNERS,
    LIP_LINE_Y_MM,
    LOWER_LIP,
    MESH_POINTS,
    UPPER_LIP,
    FaceFit,
    canonical_vertices,
    vertex_sides,
)
from visage.media.portrait import FRAME_PX, NODE_PX
from visage.media.windows import Array, node_centres

_SMOOTHING = 4.0
GRID = FRAME_PX // NODE_PX
"""Nodes per side of the frame's displacement grid."""


@dataclass(frozen=True)
class CanonicalMaps:
    """Canonical x, y (mm) of each node of the frame grid, float64 [128, 128, 2], for both sides of the seam."""

    upper: Array
    lower: Array


def frame_nodes() -> Array:
    """Node centres of the frame grid, float64 [128, 128, 2] in pixels."""
    return node_centres(GRID, GRID, NODE_PX)


def map_to_canonical(landmarks: Array, fit: FaceFit, seam: LipSeam) -> CanonicalMaps:
    """Thin-plate maps photo → canonical face that agree with the landmarks and run the lip line onto the seam."""
    mesh = canonical_vertices()
    inside = {index for row in (*UPPER_LIP[:2], *LOWER_LIP[:2]) for index in row} - set(INNER_CORNERS)
    sides = vertex_sides(mesh)
    along = np.linspace(-0.92, 0.92, 13)
    inner_x = seam.local(landmarks[list(UPPER_LIP[0]), :2])[:, 0]
    seam_x = np.interp(along, inner_x, mesh[list(UPPER_LIP[0]), 0])
    seam_mm = np.stack([seam_x, np.full(13, LIP_LINE_Y_MM)], -1)
    maps = []
    for other, curve in ((2, seam.upper), (1, seam.lower)):
        chosen = [i for i in range(MESH_POINTS) if sides[i] != other and i not in inside]
        at = seam.frame(along, np.interp(along, seam.position, curve))
        points = np.concatenate([landmarks[chosen, :2], at])
        maps.append(_thin_plate(points, np.concatenate([mesh[chosen, :2], seam_mm]), fit, seam))
    return CanonicalMaps(*maps)


def _thin_plate(points: Array, wanted: Array, fit: FaceFit, seam: LipSeam) -> Array:
    """The similarity map plus an interpolated residual that fades to zero on rings far outside of the face."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    rings = np.concatenate([seam.centre + (0, -60) + radius * circle for radius in (260, 340)])
    residual = np.concatenate([wanted - fit.canonical_xy(points), np.zeros((len(rings), 2))])
    plate = RBFInterpolator(np.concatenate([points, rings]), residual, kernel="thin_plate_spline", smoothing=_SMOOTHING)
    nodes = frame_nodes().reshape(-1, 2)
    return np.asarray(fit.canonical_xy(nodes) + plate(nodes)).reshape(GRID, GRID, 2)
