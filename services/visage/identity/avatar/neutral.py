"""How much a photo already smiles: the avatar's neutral face is measured against the canonical one."""

from __future__ import annotations

import numpy as np

from visage.media.canonical_face import (
    MESH_POINTS,
    RIGID_POINTS,
    canonical_vertices,
    fit_similarity,
)
from visage.media.windows import Array

_LIP_MIDDLE = (13, 14, 0, 17)
_LEFT_CORNER, _RIGHT_CORNER = 291, 61
_FULL_SMILE_MM = 6.5


def measure_smile(landmarks: Array) -> tuple[float, float]:
    """Smile of the subject's left and right side, 0..1.4, from raised and widened lip corners."""
    mesh, rigid = canonical_vertices(), list(RIGID_POINTS)
    fit = fit_similarity(mesh[rigid], landmarks[rigid])
    face = (landmarks[:MESH_POINTS] - fit.offset) @ fit.rotation / fit.scale
    smiles = []
    for corner, sign in ((_LEFT_CORNER, 1.0), (_RIGHT_CORNER, -1.0)):
        lift, wide = (
            _lift(face, corner) - _lift(mesh, corner),
            (face[corner, 0] - mesh[corner, 0]) * sign,
        )
        smiles.append(float(np.clip((lift * 0.6 + wide * 0.5) / _FULL_SMILE_MM, 0, 1.4)))
    return smiles[0], smiles[1]


def _lift(face: Array, corner: int) -> float:
    return float(face[list(_LIP_MIDDLE), 1].mean() - face[corner, 1])
