"""How much a face smiles at rest: a mouth that speaks takes that off, which no curve of 0 to 1 can say."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.media.canonical_face import canonical_vertices
from visage.media.windows import Array

_LIP_MIDDLE: Final = (13, 14, 0, 17)
_LEFT_CORNER, _RIGHT_CORNER = 291, 61
_FULL_SMILE_MM: Final = 6.5


def resting_smile(face: Array) -> tuple[float, float]:
    """Smile of the subject's left and right side, 0..1.4 in units of MouthSmile, from raised and widened lip corners.

    face: float [>=468, 3], canonical millimetres.
    """
    mesh = canonical_vertices()
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
