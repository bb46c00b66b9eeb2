"""Curve blocks and clips."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from visage.media.curves import CurveBlock, CurveClip, clamp_curves, clamp_poses, resting_poses

pytestmark = pytest.mark.unit


def curves(frames: int, value: float = 0.5) -> np.ndarray:
    return np.full((frames, 52), value, np.float32)


def test_a_block_knows_its_frames() -> None:
    """A block's end is the start of the next one."""
    block = CurveBlock(10, curves(4), resting_poses(4))

    assert (block.frame_count, block.end_frame) == (4, 14)


@pytest.mark.parametrize(
    ("start", "values", "poses", "words"),
    [
        (-1, curves(1), None, "negative"),
        (0, np.zeros((1, 51), np.float32), None, "52"),
        (0, np.zeros(52, np.float32), None, "52"),
        (0, curves(1, np.nan), None, "finite"),
        (0, curves(1), np.full((1, 6), np.inf, np.float32), "finite"),
        (0, curves(1), resting_poses(2), "2 poses"),
    ],
)
def test_a_block_refuses_what_no_face_can_do(
    start: int, values: np.ndarray, poses: np.ndarray | None, words: str
) -> None:
    """Wrong shapes, negative starts and values that are not finite raise ValueError."""
    with pytest.raises(ValueError, match=words):
        CurveBlock(start, values, poses)


def test_joining_the_blocks_of_a_clip_gives_the_clip() -> None:
    """Cutting and joining are inverse, whatever the block size."""
    rng = np.random.default_rng(1)
    clip = CurveClip(Fraction(30000, 1001), rng.random((11, 52), np.float32), rng.random((11, 6), np.float32))

    joined = CurveClip.joined(clip.frame_rate, clip.blocks(4))

    assert np.array_equal(joined.curves, clip.curves)
    assert np.array_equal(joined.poses, clip.poses)
    assert joined.duration_s == pytest.approx(11 * 1001 / 30000)


def test_blocks_without_poses_join_to_a_resting_head() -> None:
    """A missing pose is a head at rest."""
    clip = CurveClip.joined(Fraction(25), [CurveBlock(0, curves(2)), CurveBlock(2, curves(1), resting_poses(1) + 1)])

    assert clip.poses[:, 0].tolist() == [0, 0, 1]


def test_blocks_that_leave_a_gap_do_not_join() -> None:
    """A block that does not start where the one before it ends raises ValueError."""
    with pytest.raises(ValueError, match="expected 2"):
        CurveClip.joined(Fraction(25), [CurveBlock(0, curves(2)), CurveBlock(3, curves(1))])


def test_clamping_names_what_it_changed() -> None:
    """Values beyond the range are clamped and their channels named; others pass unchanged."""
    values = curves(2)
    values[1, 17] = 1.5
    poses = resting_poses(2)
    poses[0, 1] = -40

    clamped, channels = clamp_curves(values)
    turned, components = clamp_poses(poses)

    assert channels == ("JawOpen",)
    assert clamped[1, 17] == 1
    assert np.array_equal(clamped[0], values[0])
    assert components == ("pitch_degrees",)
    assert turned[0, 1] == -15
