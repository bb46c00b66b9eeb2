"""A whole clip's landmarks to curves, head poses and gaze: `face_solver` for recordings, all frames at once.

Being told the whole clip it takes the person's face at rest from the frames that are at rest, and holds each frame to
both its neighbours, so that nothing lags.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.canonical_face import (
    BROW_OUTLINES,
    LOWER_LIP_MIDDLE,
    MESH_POINTS,
    NECK_PIVOT_MM,
    RIGID_POINTS,
    UPPER_LIP_MIDDLE,
    FaceFit,
    canonical_vertices,
)
from visage.media.eye_state import EyeState, eye_curves
from visage.media.face_fits import FaceFits, fit_heads
from visage.media.face_solver import DEPTH_TRUST, ROUNDS, SOLVED_CURVES, basis_of_solved, normal_equations
from visage.media.head_pose import angles_of
from visage.media.portrait import CAMERA_DISTANCE_MM
from visage.media.windows import Array

STEADINESS: Final = 25.0
"""Price of a curve's change between frames 40 ms apart, in squared millimetres of one vertex."""
_PACE_S: Final = 0.04
_SWEEPS: Final = 60
_PRECISION: Final = 1e-4
_REST_SHARE: Final = 0.1
_FEWEST_RESTING: Final = 3
_OPEN_EYES_PERCENTILE: Final = 60.0
"""People's eyes are open most of the time, and blinks only ever make them narrower."""
_RIVALRY: Final = 0.06
_RIVALS: Final = (
    ("MouthLeft", "MouthRight"),
    ("JawLeft", "JawRight"),
    ("MouthSmileLeft", "MouthFrownLeft"),
    ("MouthSmileRight", "MouthFrownRight"),
)
"""Opposites: a face does not do both at once, but a solution may, where their sum explains what no curve does."""
_CORNERS: Final = (61, 291)
_DEGREES_PER_MM: Final = 4.0
"""Turn of the head that tells as much against a frame at rest as a millimetre of parted lips."""


@dataclass(frozen=True, eq=False)
class RestingFace:
    """A driver at rest. shape: [468, 3], canonical millimetres; reference: where and how turned; eyes: open."""

    shape: Array
    reference: FaceFit
    eyes: EyeState


@dataclass(frozen=True, eq=False)
class SolvedClip:
    """curves: float64 [n, 52], 0..1. poses: [n, 6], degrees and millimetres from rest.

    openings_mm: [n], distance between the lips, from that at rest. residuals_mm: [n], see `SolvedFace`.
    """

    curves: Array
    poses: Array
    openings_mm: Array
    residuals_mm: Array


def resting_face(landmarks: Array, first_frame: bool = False) -> RestingFace:
    """The driver's own neutral face, from landmarks [n, 478, 3] in pixels; of the first frame alone if `first_frame`.

    Else the mean of the tenth of the frames that have the lips shut, the mouth as wide and the brows as high as usual,
    and the head turned as usual; eyes are as wide as in most frames and look where they look on average.
    """
    fits = _rigid_fits(canonical_vertices()[None], landmarks)
    faces = fits.normalised(landmarks)
    eyes = [EyeState.of(face) for face in faces]
    if first_frame:
        return RestingFace(faces[0, :MESH_POINTS], fits.mean(np.array([0])), eyes[0])
    count = min(len(faces), max(_FEWEST_RESTING, round(_REST_SHARE * len(faces))))
    frames = np.argsort(_restlessness(faces, fits), kind="stable")[:count]
    openings = np.stack([eye.openings for eye in eyes])
    usual = np.percentile(openings, _OPEN_EYES_PERCENTILE, axis=0)
    are_open = (openings > 0.8 * usual).all(1)
    gazes = np.median(np.stack([eye.gazes for eye in eyes])[are_open if are_open.any() else slice(None)], axis=0)
    return RestingFace(faces[frames, :MESH_POINTS].mean(0), fits.mean(frames), EyeState(usual, np.asarray(gazes)))


def solve_clip(landmarks: Array, times_s: Array, rest: RestingFace, steadiness: float = STEADINESS) -> SolvedClip:
    """Solves frames [n, 478, 3] in pixels, seen at ascending times [n].

    Raises ValueError for other shapes or values that are not finite.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3 or points.shape[1:] != (478, 3) or not np.isfinite(points).all():
        raise ValueError(f"expected frames of 478 finite landmarks, got {points.shape}")
    ties = steadiness * np.minimum(1.0, _PACE_S / np.maximum(np.diff(times_s), 1e-3))
    mesh, basis = points[:, :MESH_POINTS], basis_of_solved()
    weights = np.zeros((len(points), len(SOLVED_CURVES)))
    fits = _rigid_fits(rest.shape[None], mesh)
    for _ in range(ROUNDS):
        equations = normal_equations()
        targets = ((fits.normalised(mesh) - rest.shape) * equations.weights).reshape(len(points), -1) @ equations.rows.T
        weights = tied_least_squares(equations.matrix + _rivalry(), targets, ties, weights)
        fits = _rigid_fits(rest.shape + np.tensordot(weights, basis, 1), mesh)
    faces = fits.normalised(points)
    curves = np.zeros((len(points), CURVE_COUNT))
    curves[:, [CURVE_INDEX[name] for name in SOLVED_CURVES]] = weights
    for row, face in zip(curves, faces, strict=True):
        for name, value in eye_curves(EyeState.of(face), rest.eyes).items():
            row[CURVE_INDEX[name]] = value
    left = faces[:, :MESH_POINTS] - rest.shape - np.tensordot(weights, basis, 1)
    residuals = np.sqrt((left[..., :2] ** 2).sum(-1).mean(1))
    openings = _openings(faces) - max(float(_openings(rest.shape)), 0.0)
    return SolvedClip(curves, _poses(fits, rest.reference), openings, residuals)


def tied_least_squares(matrix: Array, targets: Array, ties: Array, start: Array) -> Array:
    """Rows x in 0..1 that minimise the sum of x·matrix·x / 2 - target·x and ties·(x - next x)² / 2, float64 [n, m].

    matrix: symmetric positive definite [m, m]; targets, start: [n, m]; ties: [n - 1] between neighbours. Source: as
    for `bounded_least_squares`, over columns, and in each over the even rows, then the odd ones.
    """
    found = start.copy()
    slopes = found @ matrix - targets
    before, after = np.concatenate([[0.0], ties]), np.concatenate([ties, [0.0]])
    parities = [np.arange(first, len(found), 2) for first in (0, 1)]
    for _ in range(_SWEEPS):
        furthest = 0.0
        for column in range(found.shape[1]):
            for rows in parities:
                padded = np.concatenate([[0.0], found[:, column], [0.0]])
                own = found[rows, column]
                pull = before[rows] * (own - padded[rows]) + after[rows] * (own - padded[rows + 2])
                stiffness = matrix[column, column] + before[rows] + after[rows]
                steps = np.clip(own - (slopes[rows, column] + pull) / stiffness, 0.0, 1.0) - own
                found[rows, column] += steps
                slopes[rows] += steps[:, None] * matrix[column]
                furthest = max(furthest, float(np.abs(steps).max(initial=0.0)))
        if furthest < _PRECISION:
            break
    return found


@cache
def _rivalry() -> Array:
    """[curves, curves] what is added to the normal equations so that of two opposites mostly one is active.

    Opposites point in opposite directions, so that the sum stays positive definite.
    """
    matrix = normal_equations().matrix
    added = np.zeros_like(matrix)
    for rivals in _RIVALS:
        first, second = (SOLVED_CURVES.index(name) for name in rivals)
        added[first, second] = added[second, first] = _RIVALRY * np.sqrt(matrix[first, first] * matrix[second, second])
    return added


def _rigid_fits(shapes: Array, points: Array) -> FaceFits:
    rigid = list(RIGID_POINTS)
    return fit_heads(shapes[:, rigid], points[:, rigid], DEPTH_TRUST)


def _restlessness(faces: Array, fits: FaceFits) -> Array:
    """[n] how far each frame is from rest, in millimetres."""
    opening = np.maximum(_openings(faces), 0)
    width = faces[:, _CORNERS[1], 0] - faces[:, _CORNERS[0], 0]
    brows = faces[:, [index for outline in BROW_OUTLINES for index in outline], 1].mean(1)
    angles = np.stack([angles_of(rotation) for rotation in fits.rotations])
    turn = np.linalg.norm(angles - np.median(angles, axis=0), axis=1)
    unusual = 0.3 * np.abs(width - np.median(width)) + 0.5 * np.abs(brows - np.median(brows))
    return np.asarray(opening + unusual + turn / _DEGREES_PER_MM)


def _openings(faces: Array) -> Array:
    """Distance between the lips of faces [..., k, 3], in millimetres."""
    return np.asarray(faces[..., LOWER_LIP_MIDDLE, 1] - faces[..., UPPER_LIP_MIDDLE, 1])


def _poses(fits: FaceFits, reference: FaceFit) -> Array:
    """[n, 6]: rotation about the neck, and how far the neck's joint has moved; z from the size of the face."""
    pivot = np.array(NECK_PIVOT_MM)
    moved = (fits.place(pivot[None, None])[:, 0] - reference.place(pivot))[:, :2] / reference.scale
    away = CAMERA_DISTANCE_MM * (reference.scale / fits.scales - 1)
    angles = np.stack([angles_of(rotation @ reference.rotation.T) for rotation in fits.rotations])
    return np.column_stack([angles, moved, away])
