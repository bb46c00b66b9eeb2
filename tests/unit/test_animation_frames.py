"""From ticks to frames: the clock, closures, rest at both ends, controls."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.animation.controls import Controls, ControlTrack, Strengths
from visage.animation.frame_clock import FrameClock
from visage.animation.performance import Performance, Ticks
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.curves import CurveBlock, CurveClip
from visage.media.emotions import EMOTION_COUNT

pytestmark = pytest.mark.unit

JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
RATES = [Fraction(10), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]


def ticks(mouth: np.ndarray, controls: Controls | None = None) -> Ticks:
    count = len(mouth)
    poses = np.ones((count, 6), np.float32)
    strengths = [Strengths.of(controls or Controls())] * count
    return Ticks(mouth, np.zeros_like(mouth), poses, strengths, np.zeros((count, EMOTION_COUNT), np.float32))


def clip(mouth: np.ndarray, rate: Fraction, duration: Fraction, controls: Controls | None = None) -> CurveClip:
    clock = FrameClock(rate)
    clock.push(ticks(mouth, controls))
    frames = clock.frames(duration, is_ended=True)
    assert frames is not None
    return CurveClip.joined(rate, [frames])


def ramp(count: int) -> np.ndarray:
    """[ticks, 52] with a tongue that tells the time in seconds of each tick's middle."""
    mouth = np.zeros((count, CURVE_COUNT), np.float32)
    mouth[:, CURVE_INDEX["TongueOut"]] = (np.arange(count) + 0.5) * 0.02
    return mouth


@pytest.mark.parametrize("rate", RATES)
def test_frames_show_the_middle_of_their_interval(rate: Fraction) -> None:
    """The value of frame i is that of the motor clock at (i + 0.5) / rate seconds."""
    made = clip(ramp(51), rate, Fraction(1)).curves[:, CURVE_INDEX["TongueOut"]]
    middles = (np.arange(len(made)) + 0.5) / float(rate)
    is_inner = (middles > 0.01) & (middles < 0.8)

    assert np.allclose(made[is_inner], middles[is_inner], atol=1e-5)


@given(st.sampled_from(RATES), st.integers(min_value=1, max_value=480_000), st.sampled_from([8000, 44_100, 48_000]))
def test_frames_cover_the_audio(rate: Fraction, samples: int, sample_rate_hz: int) -> None:
    """The last frame ends with or after the audio, and one frame less would not."""
    duration = Fraction(samples, sample_rate_hz)
    count = FrameClock(rate).frame_count(duration)

    assert count / rate >= duration > (count - 1) / rate


@pytest.mark.parametrize("rate", RATES)
def test_frames_are_the_same_however_news_arrive(rate: Fraction) -> None:
    """Ticks and duration that come bit by bit give the frames that they give at once."""
    mouth = np.random.default_rng(3).random((80, CURVE_COUNT), np.float32)
    duration = Fraction(3, 2)
    whole = clip(mouth, rate, duration)
    clock, blocks = FrameClock(rate), []
    for step in range(80):
        clock.push(ticks(mouth[step : step + 1]))
        known = min(duration, Fraction(step + 1, 50))
        block = clock.frames(known, is_ended=False)
        blocks += [] if block is None else [block]
    last = clock.frames(duration, is_ended=True)
    blocks += [] if last is None else [last]
    joined = CurveClip.joined(rate, blocks)

    assert len(blocks) > 5
    assert np.array_equal(joined.curves, whole.curves)
    assert np.array_equal(joined.poses, whole.poses)


@pytest.mark.parametrize("rate", RATES[:5])
def test_a_short_closure_is_seen_at_any_rate(rate: Fraction) -> None:
    """Lips that meet for one tick meet in one frame, wherever the tick falls."""
    for tick in range(20, 30):
        mouth = np.zeros((60, CURVE_COUNT), np.float32)
        mouth[:, JAW] = 0.4
        mouth[tick, CLOSE] = 0.4
        made = clip(mouth, rate, Fraction(1)).curves
        inner = made[: int(0.8 * rate)]

        assert (inner[:, JAW] - inner[:, CLOSE]).min() == pytest.approx(0, abs=1e-6)


def test_the_last_frame_is_at_rest() -> None:
    """Mouth and head ease to rest: nothing is left in the last frame, all of it half a second before."""
    mouth = np.full((60, CURVE_COUNT), 0.5, np.float32)
    made = clip(mouth, Fraction(25), Fraction(1))

    assert np.abs(made.curves[-1]).max() == 0
    assert np.abs(made.poses[-1]).max() == 0
    assert made.poses[12].tolist() == [1] * 6
    assert made.curves[20, JAW] == 0.5
    assert np.abs(np.diff(made.poses[:, 0])).max() < 0.3


def test_a_single_sample_gives_one_frame_at_rest() -> None:
    """Audio of one sample has one frame."""
    clock = FrameClock(Fraction(25))
    duration = Fraction(1, 16_000)
    clock.push(ticks(np.ones((clock.ticks_needed(1), CURVE_COUNT), np.float32)))
    frames = clock.frames(duration, is_ended=True)

    assert isinstance(frames, CurveBlock)
    assert frames.frame_count == 1
    assert frames.curves.max() == 0


def test_gains_and_offsets_come_last_and_stay_at_the_end() -> None:
    """They apply to the finished face, are clamped to 0..1, and an offset holds through the final rest."""
    controls = Controls(gains={"JawOpen": 4.0}, offsets={"MouthSmileLeft": 0.25, "TongueOut": -1.0})
    made = clip(np.full((60, CURVE_COUNT), 0.5, np.float32), Fraction(25), Fraction(1), controls).curves

    assert made[5, JAW] == 1
    assert made[5, CURVE_INDEX["MouthSmileLeft"]] == 0.75
    assert made[5, CURVE_INDEX["TongueOut"]] == 0
    assert made[-1, CURVE_INDEX["MouthSmileLeft"]] == 0.25
    assert made[-1, JAW] == 0


def test_a_change_of_controls_is_eased_in() -> None:
    """A new strength is reached after a quarter of a second, without a jump."""
    track = ControlTrack(Controls())
    track.change(Controls(head_motion=2.0))
    scales = np.array([track.advance().scales[2] for _ in range(20)])

    assert scales[-1] == 2
    assert np.diff(scales, prepend=1).max() < 0.1
    assert scales[11] == 2


def perform(controls: Controls, count: int = 1500, cut: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """[ticks, 52] life and [ticks, 6] poses over speech with pauses."""
    performance = Performance(controls)
    speech = (np.arange(count + LOOK_AHEAD_TICKS) % 150 < 110).astype(np.float32)
    beat = 6 * np.sin(np.arange(count + LOOK_AHEAD_TICKS) * 0.35)
    levels = np.where(speech > 0, -24 + beat, -90).astype(np.float32)
    life, poses = [], []
    for start in range(0, count, cut):
        stop = min(start + cut, count)
        made = performance.advance(
            np.zeros((stop - start, CURVE_COUNT), np.float32),
            speech[start:stop],
            levels[start : stop + LOOK_AHEAD_TICKS],
        )
        life.append(made.life)
        poses.append(made.poses)
    return np.concatenate(life), np.concatenate(poses)


def test_a_performance_is_a_function_of_its_seed() -> None:
    """Equal seeds give equal bits however the ticks are grouped; other seeds give another performance."""
    first, again, other = perform(Controls(seed=7)), perform(Controls(seed=7), cut=73), perform(Controls(seed=8))

    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert np.abs(first[1] - other[1]).max() > 0.5


def test_each_strength_scales_its_own_part() -> None:
    """0 keeps head, gaze or upper face still, and each leaves the others alone."""
    eyes = [CURVE_INDEX[name] for name in ("EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeLookDownLeft")]
    brows = [CURVE_INDEX[name] for name in ("BrowInnerUp", "BrowOuterUpLeft", "EyeSquintRight", "CheekSquintLeft")]
    still, moving = perform(Controls(head_motion=0, gaze_motion=0)), perform(Controls())
    plain = perform(Controls(upper_face=0))

    assert np.abs(still[1]).max() == 0
    assert np.abs(still[0][:, eyes]).max() == 0
    assert still[0][:, brows].max() > 0.1
    assert plain[0][:, brows].max() == 0
    assert plain[0][:, CURVE_INDEX["EyeBlinkLeft"]].max() < 0.2
    assert np.array_equal(plain[1], moving[1])


def test_eyes_hold_the_viewer_while_the_head_turns() -> None:
    """Without gaze shifts, eye rotation in the head cancels nearly all of the yaw."""
    life, poses = perform(Controls(gaze_motion=0))
    out, inward = life[:, CURVE_INDEX["EyeLookOutLeft"]], life[:, CURVE_INDEX["EyeLookInLeft"]]
    left_over = poses[:, 0] + (out - inward) * 28.6

    assert np.abs(poses[:, 0]).max() > 2
    assert np.abs(left_over).max() < 0.06 * np.abs(poses[:, 0]).max()


def test_both_eyes_blink_together() -> None:
    """Left and right lids close in the same ticks."""
    life, _ = perform(Controls())
    left, right = life[:, CURVE_INDEX["EyeBlinkLeft"]], life[:, CURVE_INDEX["EyeBlinkRight"]]

    assert left.max() > 0.9
    assert np.array_equal(left, right)
