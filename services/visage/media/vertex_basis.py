"""What the curves do to the vertices of the face mesh: the renderer's own displacement fields, sampled there."""

from __future__ import annotations

from functools import cache

import numpy as np

from visage.media.canonical_face import LIP_LINE_Y_MM, canonical_vertices, vertex_sides
from visage.media.expression_basis import ExpressionFields
from visage.media.windows import Array

_BELOW_LIPS_MM = 2.0


@cache
def vertex_basis() -> Array:
    """Displacement of each vertex at each curve's 1, float64 [52, 468, 3] in canonical millimetres.

    Lids and eyeballs move otherwise, so that the curves of the eyes are all but zero here.
    """
    mesh = canonical_vertices()
    x, y, z = mesh.T
    sides = vertex_sides(mesh)
    jaw = (sides == 2) | ((sides == 0) & (y > LIP_LINE_Y_MM + _BELOW_LIPS_MM))
    upper = ExpressionFields(x, y, z, upper=True).displacement
    lower = ExpressionFields(x, y, z, upper=False).displacement
    return np.where(jaw, lower, upper).transpose(0, 2, 1)
