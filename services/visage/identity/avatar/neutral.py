"""How much a photo already smiles: the avatar's neutral face is measured against the canonical one."""

from __future__ import annotations

from visage.media.canonical_face import MESH_POINTS, RIGID_POINTS, canonical_vertices, fit_similarity
from visage.media.resting_smile import resting_smile
from visage.media.windows import Array


def measure_smile(landmarks: Array) -> tuple[float, float]:
    """Smile of the subject's left and right side, 0..1.4, in a photo's landmarks [478, 3] in pixels."""
    rigid = list(RIGID_POINTS)
    fit = fit_similarity(canonical_vertices()[rigid], landmarks[rigid])
    return resting_smile((landmarks[:MESH_POINTS] - fit.offset) @ fit.rotation / fit.scale)
