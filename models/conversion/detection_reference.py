"""The detector's decoding in numpy, written separately from the graph: the reference for the parity gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.conversion.detection_head import FACES, KEYPOINTS, OVERLAP, DetectorSpecification, anchor_centres


@dataclass(frozen=True)
class Face:
    """Coordinates are fractions of the input picture: box (x0, y0, x1, y1), keypoints (6, 2)."""

    box: np.ndarray
    keypoints: np.ndarray
    score: float


def decode(regression: np.ndarray, logits: np.ndarray, specification: DetectorSpecification) -> list[Face]:
    """Raw outputs of one picture, (A, 16) and (A,), → at most four faces, best first."""
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    candidates = []
    centres = anchor_centres(specification.anchor_grids)
    for anchor in np.flatnonzero(scores >= specification.least_score):
        values = regression[anchor].astype(np.float64) / specification.size
        middle, sides = values[:2] + centres[anchor], values[2:4]
        if sides.min() > 0:
            box = np.concatenate([middle - sides / 2, middle + sides / 2])
            keypoints = values[4:].reshape(KEYPOINTS, 2) + centres[anchor]
            candidates.append(Face(box, keypoints, float(scores[anchor])))
    return _blend(sorted(candidates, key=lambda face: -face.score))


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first, second)]
    return shared / (sum(areas) - shared)


def _blend(candidates: list[Face]) -> list[Face]:
    faces: list[Face] = []
    while candidates and len(faces) < FACES:
        best = candidates[0]
        group = [face for face in candidates if overlap(best.box, face.box) > OVERLAP]
        candidates = [face for face in candidates if overlap(best.box, face.box) <= OVERLAP]
        weights = [face.score for face in group]
        faces.append(
            Face(
                np.average([face.box for face in group], axis=0, weights=weights),
                np.average([face.keypoints for face in group], axis=0, weights=weights),
                best.score,
            )
        )
    return faces
