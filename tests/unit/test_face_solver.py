"""Landmarks to curves and pose, on landmarks made from known ones."""

from __future__ import annotations

import numpy as np
import pytest

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES
from visage.media.canonical_face import (
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_IRIS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    FaceFit,
    canonical_vertices,
)
from visage.media.face_solver import FaceSolver, NeutralFace, SolvedFace, bounded_least_squares, quiet_frames
from visage.media.head_pose import angles_of, fit_head, rotation_of
from visage.media.vertex_basis import vertex_basis
from visage.media.windows import Array

pytestmark = pytest.mark.unit

PX_PER_MM = 1.6
PLACE = np.array([256.0, 220.0, 0.0])


def somebody() -> Array:
    """The mesh of a person who is not the canonical one, float64 [478, 3] in millimetres, irises between the lids."""
    mesh = canonical_vertices() * [1.06, 0.97, 1.1]
    irises = np.zeros((10, 3))
    for iris, upper in ((RIGHT_IRIS, RIGHT_UPPER_LID), (LEFT_IRIS, LEFT_UPPER_LID)):
        irises[np.array(iris) - 468] = (mesh[upper[0]] + mesh[upper[-1]]) / 2
    return np.concatenate([mesh, irises])


def seen(curves: dict[str, float], angles: tuple[float, float, float] = (0, 0, 0), scale: float = PX_PER_MM) -> Array:
    """Landmarks float64 [478, 3] in pixels of `somebody` who makes a face and turns the head."""
    face = somebody()
    face[:468] += np.tensordot(vector(curves), vertex_basis(), 1)
    return FaceFit(scale, rotation_of(np.array(angles)), PLACE).place(face)


def vector(curves: dict[str, float]) -> Array:
    weights = np.zeros(CURVE_COUNT)
    for name, value in curves.items():
        weights[CURVE_INDEX[name]] = value
    return weights


def solve(curves: dict[str, float], angles: tuple[float, float, float] = (0, 0, 0)) -> SolvedFace:
    return FaceSolver(NeutralFace.of(seen({}))).solve(seen(curves, angles))


@pytest.mark.parametrize(
    "curves",
    [
        {"JawOpen": 0.6},
        {"JawOpen": 0.5, "MouthClose": 0.45},
        {"MouthSmileLeft": 0.7, "MouthSmileRight": 0.3},
        {"BrowInnerUp": 0.8, "BrowOuterUpLeft": 0.4},
        {"BrowDownLeft": 0.7, "BrowDownRight": 0.6},
        {"MouthLeft": 0.6},
    ],
)
def test_curves_are_recovered_from_the_landmarks_they_make(curves: dict[str, float]) -> None:
    """Every curve of a mixture comes back, and no other rises much."""
    error = np.abs(solve(curves, (6, -4, 3)).curves - vector(curves))

    assert error.max() < 0.12, CURVE_NAMES[int(error.argmax())]


@pytest.mark.parametrize(
    "curves",
    [
        {"MouthPucker": 0.7, "JawOpen": 0.1},
        {"MouthFunnel": 0.6},
        {"MouthLowerDownLeft": 0.5, "MouthLowerDownRight": 0.5, "MouthUpperUpLeft": 0.6, "MouthUpperUpRight": 0.6},
    ],
)
def test_lips_that_several_curves_can_make_are_explained(curves: dict[str, float]) -> None:
    """Rounded and parted lips are explained to a fifth of a millimetre, most of them by the curves that made them."""
    found = solve(curves, (6, -4, 3))

    assert found.residual_mm < 0.2
    assert np.abs(found.curves - vector(curves)).max() < 0.25


def test_a_pose_is_recovered_whatever_the_face_does() -> None:
    """Angles come back to a fraction of a degree while the mouth is open."""
    for angles in ((15, 0, 0), (-12, 9, 4), (0, -10, -14)):
        found = solve({"JawOpen": 0.5, "MouthSmileLeft": 0.4, "MouthSmileRight": 0.4}, angles)

        assert found.pose[:3] == pytest.approx(angles, abs=0.5)


def test_the_face_at_rest_solves_to_nothing() -> None:
    """The neutral landmarks themselves give zero curves, zero pose and no residual."""
    found = solve({})

    assert np.abs(found.curves).max() < 1e-6
    assert np.abs(found.pose).max() < 1e-3
    assert found.residual_mm < 1e-3


def test_a_nearer_face_is_told_by_z() -> None:
    """A face ten per cent larger has come nearer by a tenth of the camera's distance."""
    nearer = FaceSolver(NeutralFace.of(seen({}))).solve(seen({}, scale=PX_PER_MM * 1.1))

    assert nearer.pose[5] == pytest.approx(-800 * (1 - 1 / 1.1), abs=1)


def test_lids_and_gaze_are_read_off_the_eyes() -> None:
    """Lids that meet are a blink, and an iris that moves to image right looks out on the left, in on the right."""
    rest = seen({})
    shut, aside = rest.copy(), rest.copy()
    for upper, lower in ((LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_UPPER_LID, RIGHT_LOWER_LID)):
        shut[list(upper[1:-1])] = shut[list(lower[1:-1])]
    aside[[*LEFT_IRIS, *RIGHT_IRIS], 0] += 3.0 * PX_PER_MM
    solver = FaceSolver(NeutralFace.of(rest))
    blink, gaze = solver.solve(shut).curves, solver.solve(aside).curves

    assert min(blink[CURVE_INDEX["EyeBlinkLeft"]], blink[CURVE_INDEX["EyeBlinkRight"]]) > 0.95
    assert gaze[CURVE_INDEX["EyeLookOutLeft"]] == pytest.approx(gaze[CURVE_INDEX["EyeLookInRight"]])
    assert gaze[CURVE_INDEX["EyeLookOutLeft"]] > 0.4
    assert gaze[CURVE_INDEX["EyeLookInLeft"]] == 0


def test_steadiness_holds_a_curve_back() -> None:
    """With a price on change, noise moves the curves less from frame to frame."""
    noise = np.random.default_rng(1).normal(size=(12, 478, 3)) * 0.8

    def restlessness(steadiness: float) -> float:
        solver = FaceSolver(NeutralFace.of(seen({})), steadiness)
        jaw = [solver.solve(seen({"JawOpen": 0.3}) + wobble).curves[CURVE_INDEX["JawOpen"]] for wobble in noise]
        return float(np.abs(np.diff(jaw[1:])).mean())

    assert restlessness(1e5) < 0.6 * restlessness(0.0)


def test_quiet_frames_are_those_with_the_mouth_shut() -> None:
    """Of a clip that opens and shuts the mouth, the shut frames are taken for the face at rest."""
    clip = np.stack([seen({"JawOpen": value}) for value in (0.5, 0.0, 0.7, 0.3, 0.02)])

    assert set(quiet_frames(clip, 0.4)) == {1, 4}


def test_bad_landmarks_are_refused() -> None:
    """Another number of points, or NaN, is a ValueError."""
    solver = FaceSolver(NeutralFace.of(seen({})))
    broken = seen({})
    broken[0, 0] = np.nan
    for landmarks in (broken, seen({})[:468]):
        with pytest.raises(ValueError, match="478 finite landmarks"):
            solver.solve(landmarks)


def test_a_smile_that_goes_is_no_open_jaw() -> None:
    """Who smiles at rest and rounds the lips without a smile is told as that, with the jaw shut and no smile."""
    smiling = {"MouthSmileLeft": 0.9, "MouthSmileRight": 0.9}
    solver = FaceSolver(NeutralFace.of(seen(smiling)))
    solved = solver.solve(seen({"MouthPucker": 0.7})).curves
    told = {name: float(solved[CURVE_INDEX[name]]) for name in ("MouthPucker", "JawOpen", "MouthSmileLeft")}

    assert told["MouthPucker"] == pytest.approx(0.7, abs=0.1)
    assert told["JawOpen"] < 0.05 and told["MouthSmileLeft"] == 0
    assert min(NeutralFace.of(seen(smiling)).smile) > 0.6 > 0.3 > max(NeutralFace.of(seen({})).smile)


def test_bounded_least_squares_meets_the_optimality_conditions() -> None:
    """Inside the bounds the slope is zero; at a bound it points outwards."""
    random = np.random.default_rng(0)
    factor = random.normal(size=(30, 8))
    matrix, target = factor.T @ factor + np.eye(8), random.normal(size=8) * 20
    least = np.array([-0.5, *np.zeros(7)])
    found = bounded_least_squares(matrix, target, np.zeros(8), least)
    slope = matrix @ found - target

    assert ((found >= least) & (found <= 1)).all()
    assert np.abs(slope[(found > least) & (found < 1)]).max(initial=0) < 0.01
    assert (slope[found == least] > -0.01).all()
    assert (slope[found == 1] < 0.01).all()


def test_angles_and_rotations_are_inverse() -> None:
    """`angles_of` gives back what `rotation_of` was told."""
    angles = np.array([14.0, -9.0, 17.0])

    assert angles_of(rotation_of(angles)) == pytest.approx(angles)


def test_a_head_is_fitted_without_its_depths() -> None:
    """With no trust in depth, landmarks whose depths are wrong still give the rotation."""
    rotation = rotation_of(np.array([10.0, 5.0, -3.0]))
    points = FaceFit(PX_PER_MM, rotation, PLACE).place(canonical_vertices())
    points[:, 2] *= 0.7
    fit = fit_head(canonical_vertices(), points, 0.0, steps=200)

    assert angles_of(fit.rotation) == pytest.approx([10, 5, -3], abs=0.5)
