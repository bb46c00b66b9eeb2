"""A whole clip's landmarks to curves and poses: the face at rest, ties between frames, what landmarks do not tell."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.test_face_solver import seen, vector
from visage.media.arkit import CURVE_INDEX
from visage.media.clip_solver import resting_face, solve_clip, tied_least_squares
from visage.media.face_fits import fit_heads
from visage.media.face_solver import FaceSolver, NeutralFace
from visage.media.head_pose import fit_head
from visage.media.landmark_response import corrected_curves, lip_gaps, matched_opening
from visage.media.smoothing import smoothed
from visage.media.windows import Array

pytestmark = pytest.mark.unit

JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
BLINKS = [CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"]]


def clip(count: int = 30) -> tuple[Array, Array, Array]:
    """Landmarks of a jaw that opens and shuts on a head that turns, after a third at rest; times, jaw."""
    jaw = np.concatenate([np.zeros(count // 3), 0.6 * np.sin(np.linspace(0, np.pi, count - count // 3))])
    yaw = 12 * jaw
    frames = np.stack([seen({"JawOpen": j}, (y, 0, 0)) for j, y in zip(jaw, yaw, strict=True)])
    return frames, np.arange(count) / 25, jaw


def test_fits_of_many_frames_are_those_of_each() -> None:
    """Scale, rotation and offset agree with the fit of one frame."""
    frames, _, _ = clip(6)
    shape = seen({})[:468]
    fits = fit_heads(shape[None], frames[:, :468], 0.2)
    last = fit_head(shape, frames[-2, :468], 0.2)

    assert fits.scales[-2] == pytest.approx(last.scale)
    assert np.allclose(fits.rotations[-2], last.rotation)
    assert np.allclose(fits.offsets[-2], last.offset)


def test_a_clip_is_solved_as_its_frames_are() -> None:
    """Without ties, curves, poses and remainder are those of the solver that knows one frame only."""
    frames, times, _ = clip(9)
    rest = resting_face(frames, first_frame=True)
    whole = solve_clip(frames, times, rest, steadiness=0.0)
    single = FaceSolver(NeutralFace.of(frames[0])).solve(frames[6])

    assert np.abs(whole.curves[6] - single.curves).max() < 0.03
    assert np.abs(whole.poses[6, :3] - single.pose[:3]).max() < 0.05
    # Millimetres are those of the person's own rigid points here, of the whole face there.
    assert whole.poses[6, 3] == pytest.approx(single.pose[3], rel=0.1)
    assert whole.residuals_mm[6] == pytest.approx(single.residual_mm, abs=0.02)


def test_rest_is_found_wherever_it_is() -> None:
    """The driver's shut mouth and usual pose are neutral, though the film starts with an open one."""
    frames, times, jaw = clip()
    solved = solve_clip(frames[::-1], times, resting_face(frames[::-1]))

    assert np.corrcoef(solved.curves[:, JAW], jaw[::-1])[0, 1] > 0.99
    assert solved.curves[-8:, JAW].max() < 0.05
    assert np.abs(solved.poses[-8:, 0]).max() < 1
    assert np.ptp(solved.poses[:, 0]) == pytest.approx(7.2, abs=0.7)


def test_the_first_frame_is_rest_where_it_is_told_to_be() -> None:
    """Measured against its first frame, a film starts with nothing at all."""
    frames, times, _ = clip()
    solved = solve_clip(frames[15:], times[15:], resting_face(frames[15:], first_frame=True))

    assert solved.curves[0].max() < 0.02
    assert np.abs(solved.poses[0]).max() < 0.01


def test_nothing_lags() -> None:
    """Ties to both neighbours: a clip played backwards is solved to the same curves, backwards."""
    frames, times, _ = clip(24)
    frames = frames + np.random.default_rng(3).normal(0, 0.4, frames.shape)
    rest = resting_face(frames)
    forwards = solve_clip(frames, times, rest).curves
    backwards = solve_clip(frames[::-1], times, rest).curves[::-1]

    assert np.abs(forwards - backwards).max() < 0.02


def test_ties_hold_what_little_speaks_for() -> None:
    """Rows with a weak target stay with their neighbours, a strong one is followed."""
    targets = np.array([[100.0], [100.0], [0.0], [100.0], [100.0]])
    loose = tied_least_squares(np.array([[200.0]]), targets, np.zeros(4), np.zeros((5, 1)))
    tied = tied_least_squares(np.array([[200.0]]), targets, np.full(4, 2000.0), np.zeros((5, 1)))

    assert loose[2, 0] == 0
    assert 0.3 < tied[2, 0] < 0.45


@pytest.mark.parametrize("broken", [np.full((2, 478, 3), np.nan), np.zeros((2, 100, 3))])
def test_what_is_no_face_is_refused(broken: Array) -> None:
    """Wrong shapes and values that are not numbers raise ValueError."""
    with pytest.raises(ValueError, match="478"):
        solve_clip(broken, np.arange(2.0), resting_face(clip(6)[0]))


def test_smoothing_calms_and_keeps_what_is_quick() -> None:
    """Trembling goes, a slow movement stays where it is in time, a blink keeps its depth; times need not be even."""
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.uniform(0.02, 0.06, 200))
    slow = 0.4 + 0.3 * np.sin(times * 2)
    blink = np.where(np.abs(times - times[100]) < 0.05, 1.0, 0.0)
    noisy = np.stack([slow + rng.normal(0, 0.02, 200), blink], axis=1)
    calm = smoothed(noisy, times, 0.08, np.array([0.08, 0.06]))

    assert np.abs(calm[:, 0] - slow).std() < 0.6 * np.abs(noisy[:, 0] - slow).std()
    assert abs(np.corrcoef(calm[1:, 0], slow[1:])[0, 1] - 1) < 0.01
    assert calm[100, 1] > 0.97
    assert np.array_equal(smoothed(noisy, times, 0.0, np.full(2, 0.06)), noisy)


@pytest.mark.parametrize("opening_mm", [0.0, 6.0, 15.0])
def test_lips_part_as_far_as_seen(opening_mm: float) -> None:
    """Curves that part the lips too far are scaled back, and those that shut them stay."""
    curves = np.stack([vector({"JawOpen": 0.6, "MouthLowerDownLeft": 0.5, "MouthRollLower": 0.4})])
    matched = matched_opening(curves, np.array([opening_mm]))

    assert float(matched[0] @ lip_gaps()) == pytest.approx(opening_mm / 0.8, abs=0.8)
    assert matched[0, CURVE_INDEX["MouthRollLower"]] == pytest.approx(0.4)


def test_no_mouth_opens_beyond_what_portraits_show() -> None:
    """Fifty millimetres of a driver are thirty-six at most; a closing that closes nothing is left out."""
    curves = np.stack([vector({"JawOpen": 1, "MouthLowerDownLeft": 1, "MouthLowerDownRight": 1, "MouthFunnel": 1})] * 2)
    curves[1] = vector({"MouthClose": 0.5})
    matched = matched_opening(curves, np.array([50.0, 0.0]))

    assert 30 < float(matched[0] @ lip_gaps()) <= 36.5
    assert matched[1, CLOSE] == 0


def test_the_deepest_blink_shuts_the_eyes() -> None:
    """A film whose blinks are seen as 0.7 and 0.6 has full ones; one of half-shut eyes has none; a wink stays one."""
    blinking, narrow, winking = (np.zeros((9, 52)) for _ in range(3))
    blinking[4, BLINKS] = [0.7, 0.6]
    narrow[4, BLINKS] = 0.3
    winking[4, BLINKS] = [0.9, 0.1]

    assert corrected_curves(blinking)[4, BLINKS].min() > 0.95
    assert corrected_curves(narrow)[4, BLINKS].max() < 0.35
    left, right = corrected_curves(winking)[4, BLINKS]
    assert left - right > 0.6
