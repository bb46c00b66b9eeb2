"""Do face and head go where curves and poses put them? Landmarks of the renders, solved, against what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.quality.face_models import FaceWatch, Landmarks
from benchmarks.quality.subjects import Portrait, Stage
from benchmarks.quality.tracks import LEVELS, RAMPS, TURNS, Track, ramps
from models.renderer.rendering import curve_vector
from visage.media.canonical_face import fit_face
from visage.media.curves import POSE_NAMES
from visage.media.face_solver import FaceSolver, NeutralFace, SolvedFace
from visage.media.vertex_basis import vertex_basis

_UPPER_LIP, _LOWER_LIP = 13, 14
_PARTING = ("jaw", "funnel", "upper lip", "lower lip")
"""Ramps that part the lips."""
_STEADY = ("jaw", "smile", "pucker", "blink", "brows, inner", "brows, outer", "brows down", "gaze left", "gaze right")
"""What a transferred performance is judged by."""
TRANSFERRED = {name: np.flatnonzero(curve_vector(RAMPS[name])) for name in _STEADY}


@dataclass(frozen=True, slots=True)
class Response:
    """What came of a ramp: correlation with what the avatar is asked to show, share of it that was reached at the top,
    mean error."""

    correlation: float
    gain: float
    error: float


@dataclass(frozen=True, slots=True)
class Obedience:
    """curves: by name of the ramp, in units of the curve. lips_mm: gap between the lips, in millimetres.

    turns: by axis and end, in degrees.
    """

    curves: dict[str, Response]
    lips_mm: Response
    turns: dict[str, Response]

    @property
    def pose_error_degrees(self) -> float:
        """Mean error over all turns."""
        return float(np.mean([turn.error for turn in self.turns.values()]))


def response(asked: npt.ArrayLike, found: npt.ArrayLike) -> Response:
    """How well `found` [n] follows `asked` [n]; no movement at all is no correlation."""
    wanted, seen = np.asarray(asked, np.float64), np.asarray(found, np.float64)
    moved = seen - seen[0]
    correlation = float(np.corrcoef(wanted, seen)[0, 1]) if seen.std() > 1e-6 and wanted.std() > 1e-6 else 0.0
    reach = wanted[np.abs(wanted).argmax()] - wanted[0]
    gain = float(moved[np.abs(wanted).argmax()] / reach) if reach else 0.0
    return Response(correlation, gain, float(np.abs(moved - (wanted - wanted[0])).mean()))


async def measure_obedience(portrait: Portrait, stage: Stage, watch: FaceWatch) -> Obedience:
    """Renders `ramps`, looks at them, solves them."""
    track = ramps()
    landmarks = await watch.follow(stage.render(portrait, track.curves, track.poses), portrait.landmarks)
    return judge(track, landmarks, {"smile": portrait.smile_gain})


def judge(track: Track, landmarks: Landmarks, shares: Mapping[str, float]) -> Obedience:
    """Obedience of landmarks [n, 478, 3] to `ramps`; `shares`: by ramp, how much of it the avatar is made to show."""
    solved = solve_each(landmarks, landmarks[0])
    curves = np.stack([face.curves for face in solved])
    poses = np.stack([face.pose for face in solved])
    count = len(LEVELS)
    parts = [slice(start, start + count) for start in range(0, len(landmarks), count)]
    by_curve = {
        name: response(shares.get(name, 1.0) * LEVELS, curves[part][:, np.flatnonzero(curve_vector(weights))].mean(1))
        for (name, weights), part in zip(RAMPS.items(), parts, strict=False)
    }
    asked, seen = [], []
    gaps = lip_gap_mm(landmarks)
    for name, part in zip(RAMPS, parts, strict=False):
        if name in _PARTING:
            asked.append(expected_gap_mm(track.curves[part]))
            seen.append(gaps[part] - gaps[0])
    turns = {}
    for (axis, degrees), part in zip(TURNS, parts[len(RAMPS) :], strict=True):
        index = POSE_NAMES.index(axis)
        turns[f"{axis.removesuffix('_degrees')} {degrees:+g}"] = response(track.poses[part, index], poses[part, index])
    return Obedience(by_curve, response(np.concatenate(asked), np.concatenate(seen)), turns)


def solve_each(landmarks: Landmarks, neutral: Landmarks) -> list[SolvedFace]:
    """Solves frames [n, 478, 3] that know nothing of each other."""
    solver = FaceSolver(NeutralFace.of(neutral))
    return [solver.solve(points) for points in landmarks]


def lip_gap_mm(landmarks: Landmarks) -> npt.NDArray[np.float64]:
    """Distance between the inner lips in the middle of the mouth, [n], in millimetres of the first frame's face."""
    scale = fit_face(landmarks[0]).scale
    gap = landmarks[:, _LOWER_LIP, :2] - landmarks[:, _UPPER_LIP, :2]
    return np.asarray(np.linalg.norm(gap, axis=1) / scale)


def expected_gap_mm(curves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What curves [n, 52] part the lips by, seen from the front, [n]."""
    basis = vertex_basis()
    return np.asarray(curves @ (basis[:, _LOWER_LIP, 1] - basis[:, _UPPER_LIP, 1]))


async def measure_transfer(
    portrait: Portrait, performance: Landmarks, neutral: Landmarks, stage: Stage, watch: FaceWatch
) -> dict[str, float]:
    """A real performance on the avatar: correlation over time of what is seen on it with what was seen on the person.

    performance [n, 478, 3] and the frames at rest [m, 478, 3] in it. By name of `TRANSFERRED`, and "yaw", "pitch" and
    "roll"; what the person does not do is left out.
    """
    solver = FaceSolver(NeutralFace.of(neutral), steadiness=25.0)
    asked = [solver.solve(points) for points in performance]
    curves = np.stack([face.curves for face in asked])
    poses = np.stack([face.pose for face in asked])
    poses[:, 3:] = 0
    frames = stage.render(portrait, np.concatenate([0 * curves[:1], curves]), np.concatenate([0 * poses[:1], poses]))
    landmarks = await watch.follow(frames, portrait.landmarks)
    found = solve_each(landmarks[1:], landmarks[0])
    seen_curves, seen_poses = np.stack([face.curves for face in found]), np.stack([face.pose for face in found])
    pairs = {name: (curves[:, index].mean(1), seen_curves[:, index].mean(1)) for name, index in TRANSFERRED.items()}
    pairs |= {name: (poses[:, axis], seen_poses[:, axis]) for axis, name in enumerate(("yaw", "pitch", "roll"))}
    return {
        name: response(was, now).correlation
        for name, (was, now) in pairs.items()
        if np.ptp(was) > (0.15 if name in TRANSFERRED else 3.0)
    }
