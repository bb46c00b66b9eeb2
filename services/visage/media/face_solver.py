"""From the 478 landmarks of a face to head pose and curves: what an avatar must be told to look like that.

Landmarks are brought to the canonical face by the pose they show; what then remains between them and the person's own
face at rest is explained by the vertex basis, by bounded least squares with a small price on each curve. Who smiles at
rest may smile less: MouthSmile is solved down to minus that smile and told as 0, or what a speaking mouth takes off
would be told as an open jaw. Lids and gaze are read off the eyes. What landmarks do not show stays 0: TongueOut, and
depth that a front view hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES
from visage.media.canonical_face import (
    BROW_OUTLINES,
    LOWER_LIP,
    MESH_POINTS,
    NECK_PIVOT_MM,
    RIGID_POINTS,
    UPPER_LIP,
    FaceFit,
    fit_face,
)
from visage.media.eye_state import EyeState, eye_curves
from visage.media.head_pose import angles_of, fit_head
from visage.media.portrait import CAMERA_DISTANCE_MM
from visage.media.resting_smile import resting_smile
from visage.media.vertex_basis import vertex_basis
from visage.media.windows import Array

SOLVED_CURVES: Final = tuple(name for name in CURVE_NAMES if not name.startswith("Eye") and name != "TongueOut")
"""Curves that the vertex basis explains, in the order of the solution."""

ROUNDS: Final = 3
"""Pose and curves explain each other's remainder; measured: the third round changes poses by less than 0.05 degrees."""
_SWEEPS: Final = 80
_PRECISION: Final = 1e-5
DEPTH_TRUST: Final = 0.2
"""Share of the seen depth in the pose; measured on renders of known pose: 0 and 1 are both worse."""
_DEPTH_WEIGHT: Final = 0.05
"""Of depth against x and y in the curves: the landmark model moves a whole mouth in depth when the jaw opens."""
_SKIN_TRUST: Final = 0.2
_FEATURE_TRUST: Final = 1.6
"""Lips and brows are found to a millimetre. Chin and jaw line are not: of a chin that drops 30 mm the landmarks report
18 to 25."""
_COMMON_PRICE: Final = 20.0
_JAW_PRICE: Final = 1.0
_RARE_PRICE: Final = 60.0
"""Of a curve's square, in squared millimetres of one vertex; what is hardly seen costs more."""
_RARE: Final = (
    "MouthDimple", "MouthStretch", "MouthPress", "MouthShrug", "NoseSneer", "Cheek", "JawForward", "JawL", "JawR",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class NeutralFace:
    """A person's face at rest.

    shape: float64 [468, 3], canonical millimetres. reference: where and how turned it was seen. eyes: open, at rest.
    smile: of the left and the right side, 0..1.4, see `resting_smile`.
    """

    shape: Array
    reference: FaceFit
    eyes: EyeState
    smile: tuple[float, float]

    @classmethod
    def of(cls, landmarks: Array) -> NeutralFace:
        """From a photo's landmarks [478, 3] in pixels, or several frames' [n, 478, 3], whose mean counts.

        Poses are told relative to the first one.
        """
        frames = np.asarray(landmarks, np.float64).reshape(-1, 478, 3)
        fits = [fit_face(points) for points in frames]
        faces = np.stack([_normalised(points, fit) for points, fit in zip(frames, fits, strict=True)])
        mean = faces.mean(0)
        return cls(mean[:MESH_POINTS], fits[0], EyeState.of(mean), resting_smile(mean))


@dataclass(frozen=True, eq=False)
class SolvedFace:
    """curves: float32 [52], 0..1. pose: float32 [6], degrees and millimetres, relative to the neutral face's reference.

    residual_mm: root mean square distance of the mesh from what curves and pose explain, in x and y.

    Measured on renders: angles are right to a degree on average, x and y to 10 mm and z to 50 mm at the ends of the
    range, because the joint of the neck is not seen.
    """

    curves: Array
    pose: Array
    residual_mm: float


class FaceSolver:
    """Solves one person's landmarks, frame by frame.

    steadiness: price of a curve's change from the previous frame, 0 for frames that know nothing of each other; 25
    suits video at 25 frames a second.
    """

    def __init__(self, neutral: NeutralFace, steadiness: float = 0.0) -> None:
        self._neutral = neutral
        self._steadiness = steadiness
        self._previous: Array | None = None
        self._least = np.zeros(len(SOLVED_CURVES))
        for side, smile in zip(("Left", "Right"), neutral.smile, strict=True):
            self._least[SOLVED_CURVES.index(f"MouthSmile{side}")] = -smile

    def solve(self, landmarks: Array) -> SolvedFace:
        """The next frame's landmarks, float [478, 3] in pixels. Raises ValueError for another shape or NaN."""
        points = np.asarray(landmarks, np.float64)
        if points.shape != (478, 3) or not np.isfinite(points).all():
            raise ValueError(f"expected 478 finite landmarks, got {points.shape}")
        rigid, mesh = list(RIGID_POINTS), points[:MESH_POINTS]
        shape = self._neutral.shape
        weights = np.zeros(len(SOLVED_CURVES)) if self._previous is None else self._previous
        fit = fit_head(shape[rigid], mesh[rigid], DEPTH_TRUST)
        for _ in range(ROUNDS):
            weights = self._weigh(_normalised(mesh, fit) - shape, weights)
            fit = fit_head((shape + _explained(weights))[rigid], mesh[rigid], DEPTH_TRUST)
        self._previous = weights
        return self._report(points, fit, weights)

    def _weigh(self, seen: Array, start: Array) -> Array:
        system = normal_equations()
        matrix, target = system.matrix, system.rows @ (seen * system.weights).ravel()
        if self._previous is not None and self._steadiness:
            matrix = matrix + self._steadiness * np.eye(len(matrix))
            target = target + self._steadiness * self._previous
        return bounded_least_squares(matrix, target, start, self._least)

    def _report(self, points: Array, fit: FaceFit, weights: Array) -> SolvedFace:
        face = _normalised(points, fit)
        curves = np.zeros(CURVE_COUNT)
        curves[[CURVE_INDEX[name] for name in SOLVED_CURVES]] = np.maximum(weights, 0.0)
        for name, value in eye_curves(EyeState.of(face), self._neutral.eyes).items():
            curves[CURVE_INDEX[name]] = value
        rest = face[:MESH_POINTS] - self._neutral.shape - _explained(weights)
        residual = float(np.sqrt((rest[:, :2] ** 2).sum(-1).mean()))
        return SolvedFace(curves.astype(np.float32), self._pose(fit).astype(np.float32), residual)

    def _pose(self, fit: FaceFit) -> Array:
        """Rotation about the neck, and how far the neck's joint has moved; z from the size of the face."""
        reference = self._neutral.reference
        away = CAMERA_DISTANCE_MM * (reference.scale / fit.scale - 1)
        pivot = np.array(NECK_PIVOT_MM)
        moved = (fit.place(pivot) - reference.place(pivot))[:2] / reference.scale
        return np.array([*angles_of(fit.rotation @ reference.rotation.T), *moved, away])


def bounded_least_squares(matrix: Array, target: Array, start: Array, least: Array) -> Array:
    """The x in `least`..1 that minimises x·matrix·x / 2 - target·x, by coordinate descent from `start`, float64 [n].

    matrix: symmetric positive definite [n, n]; target, least: [n]. Source: D. Hildreth, "A quadratic programming
    procedure", 1957; it converges for every start.
    """
    found = start.copy()
    slope = matrix @ found - target
    diagonal = np.diag(matrix)
    for _ in range(_SWEEPS):
        furthest = 0.0
        for index in range(len(found)):
            value = min(max(found[index] - slope[index] / diagonal[index], least[index]), 1.0)
            step = value - found[index]
            if step:
                slope += matrix[index] * step
                found[index] = value
                furthest = max(furthest, abs(step))
        if furthest < _PRECISION:
            break
    return found


def quiet_frames(landmarks: Array, share: float = 0.1) -> Array:
    """Indices of the frames of a clip [n, 478, 3] nearest to a face at rest: the mouth shut and as wide as usual."""
    fits = [fit_face(points) for points in landmarks]
    faces = np.stack([_normalised(points, fit) for points, fit in zip(landmarks, fits, strict=True)])
    opening = faces[:, 14, 1] - faces[:, 13, 1]
    width = faces[:, 291, 0] - faces[:, 61, 0]
    restless = opening + 0.05 * np.abs(width - np.median(width))
    return np.argsort(restless)[: max(1, round(share * len(faces)))]


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Of `SOLVED_CURVES`. rows [curves, 468 * 3]: weighted basis; weights [468, 3]; matrix [curves, curves]."""

    rows: Array
    weights: Array
    matrix: Array


@cache
def normal_equations() -> NormalEquations:
    """What each curve does to the mesh, weighted by how well it is seen, and the prices of curves."""
    trust = np.full(MESH_POINTS, _SKIN_TRUST)
    trust[[index for row in (*UPPER_LIP, *LOWER_LIP, *BROW_OUTLINES) for index in row]] = _FEATURE_TRUST
    weights = trust[:, None] * [1, 1, _DEPTH_WEIGHT]
    rows = (basis_of_solved() * weights).reshape(len(SOLVED_CURVES), -1)
    prices = np.full(len(SOLVED_CURVES), _COMMON_PRICE)
    for index, name in enumerate(SOLVED_CURVES):
        if name == "JawOpen":
            prices[index] = _JAW_PRICE
        elif name.startswith(_RARE):
            prices[index] = _RARE_PRICE
    return NormalEquations(rows, weights, rows @ rows.T + np.diag(prices))


@cache
def basis_of_solved() -> Array:
    """`vertex_basis` of `SOLVED_CURVES`, [curves, 468, 3]."""
    return vertex_basis()[[CURVE_INDEX[name] for name in SOLVED_CURVES]]


def _explained(weights: Array) -> Array:
    """Displacement of the mesh, float64 [468, 3] in millimetres."""
    return np.tensordot(weights, basis_of_solved(), 1)


def _normalised(points: Array, fit: FaceFit) -> Array:
    """Frame points [n, 3] in canonical millimetres."""
    return np.asarray((points - fit.offset) @ fit.rotation / fit.scale)
