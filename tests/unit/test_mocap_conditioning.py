"""Recordings as they should have been: mended, calibrated, resampled, smoothed, controlled; whole and live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.recordings import bvh, live_link_csv, seconds_csv
from visage.animation.animate_from_mocap import AnimateFromMocap, MocapControls, MocapData, Piece
from visage.animation.controls import Controls
from visage.animation.mocap.whole import MocapAnimation
from visage.animation.resampling import resampled
from visage.animation.stage import Notice, NoticeKind, Output
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.curves import CurveBlock, CurveClip
from visage.runtime.errors import InvalidField, MediaUndecodable, Overloaded, StreamTooLong

pytestmark = pytest.mark.unit

JAW, BLINK = CURVE_INDEX["JawOpen"], CURVE_INDEX["EyeBlinkLeft"]


async def animate(
    data: str, animation: MocapAnimation | None = None, piece: int = 4096, *others: tuple[int, Piece]
) -> tuple[CurveClip, list[Notice]]:
    """Reads a recording in pieces; `others` come before the piece of that number."""
    content = data.encode()

    async def pieces() -> AsyncIterator[Piece]:
        for number, start in enumerate(range(0, len(content), piece)):
            for place, other in others:
                if place == number:
                    yield other
            yield MocapData(content[start : start + piece])

    wanted = animation or MocapAnimation()
    answers = [answer async for answer in AnimateFromMocap(600.0)(wanted, pieces())]
    blocks = [answer for answer in answers if isinstance(answer, CurveBlock)]
    notices = [answer for answer in answers if isinstance(answer, Notice)]
    return CurveClip.joined(wanted.output.frame_rate, blocks), notices


def at(rate: int | Fraction, **fields: Any) -> MocapAnimation:
    return MocapAnimation(output=Output(Fraction(rate)), **fields)


def causes(notices: list[Notice]) -> dict[str, int]:
    return {n.details["cause"]: int(n.details["count"]) for n in notices if n.kind is NoticeKind.RECORDING_MENDED}


def wave(count: int, rate: float) -> np.ndarray:
    """[rows] a jaw that opens and closes once a second."""
    return 0.3 - 0.3 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / rate)


def recorded(jaw: np.ndarray, rate: float = 30.0, **tracks: np.ndarray) -> str:
    return seconds_csv({"JawOpen": jaw, **tracks}, np.arange(len(jaw)) / rate, "Time")


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(25), Fraction(30000, 1001), Fraction(60)])
async def test_rows_at_the_rate_wanted_pass_unchanged(rate: Fraction) -> None:
    """Row for row, whatever the times were rounded to."""
    rough = np.random.default_rng(1).uniform(0, 1, (60, 52))
    values = np.stack([rough[row : row + 20].mean(axis=0) for row in range(40)]).astype(np.float32)
    tracks = {name: values[:, index] for index, name in enumerate(CURVE_NAMES)}
    times = np.round(np.arange(40) / float(rate), 4)
    clip, notices = await animate(seconds_csv(tracks, times, "Time"), at(rate))

    assert np.array_equal(clip.curves, values)
    assert notices == []


async def test_a_recording_without_noise_is_not_touched() -> None:
    """Smooth motion at 25 frames a second comes back exactly, without a notice."""
    clip, notices = await animate(recorded(wave(50, 25), 25))

    assert np.allclose(clip.curves[:, JAW], wave(50, 25), atol=1e-6)
    assert notices == []


@pytest.mark.parametrize("source", [24, 50, 60, 100])
async def test_motion_keeps_its_time_at_any_rate(source: int) -> None:
    """The wave is where it was, sampled at frames' middles."""
    clip, _ = await animate(recorded(wave(4 * source, source), source))

    assert clip.frame_count == 100
    assert np.abs(clip.curves[2:-2, JAW] - wave(100, 25)[2:-2]).max() < 0.02


async def test_blinks_survive_a_lower_rate() -> None:
    """A blink of 100 ms closes the lids of a frame even at 10 frames a second."""
    lids = np.zeros(120)
    lids[61:67] = [0.4, 0.9, 1.0, 1.0, 0.8, 0.3]
    clip, notices = await animate(live_link_csv({"EyeBlinkLeft": lids}), at(10))

    assert clip.curves[:, BLINK].max() == 1
    assert (clip.curves[:, BLINK] > 0.6).sum() <= 2
    assert notices == []


@given(st.integers(2, 60), st.floats(5, 110), st.sampled_from([10, 25, 60]))
def test_resampling_stays_within_what_was_recorded(count: int, source: float, rate: int) -> None:
    """No frame lies outside the rows' range, a constant stays one, and the cut into runs of frames leaves no trace."""
    values = np.random.default_rng(count).uniform(-1, 1, (count, 3)).astype(np.float32)
    values[:, 2] = 0.25
    table = np.pad(values, ((0, 0), (0, 60)))
    middles = (np.arange(count) + 0.5) / source
    frames = int(count / source * rate) + 1
    made = resampled(middles, table, 1 / source, Fraction(rate), range(frames))
    parts = [resampled(middles, table, 1 / source, Fraction(rate), range(f, f + 1)) for f in range(frames)]

    assert made[:, 0].min() >= values[:, 0].min() - 1e-5
    assert made[:, 0].max() <= values[:, 0].max() + 1e-5
    assert np.allclose(made[:, 2], 0.25, atol=1e-5)
    assert np.allclose(np.concatenate(parts), made, atol=1e-5)


async def test_lone_spikes_are_taken_out() -> None:
    """One row that jumps is filled in; a blink, a sudden opening and lips that meet for a moment stay."""
    jaw = np.where(np.arange(90) < 45, 0.1, 0.7)
    jaw[20] = 1.0
    lids = np.zeros(90)
    lids[60:65] = [0.5, 1, 1, 0.7, 0.2]
    met = np.where(np.arange(90) == 70, 0.7, 0.0)
    clip, notices = await animate(recorded(jaw, 30, EyeBlinkLeft=lids, MouthClose=met), at(30))

    assert clip.curves[20, JAW] == pytest.approx(0.1)
    assert clip.curves[:, CURVE_INDEX["MouthClose"]] == pytest.approx(met)
    assert clip.curves[44:47, JAW].tolist() == pytest.approx([0.1, 0.7, 0.7])
    assert clip.curves[60:65, BLINK] == pytest.approx(lids[60:65])
    assert causes(notices) == {"outlier": 1}


async def test_unknown_values_are_filled_from_their_neighbours() -> None:
    """NaN in one channel for three rows is a line between the rows around it."""
    jaw = np.linspace(0, 0.9, 31)
    holed = jaw.copy()
    holed[10:13] = np.nan
    clip, notices = await animate(recorded(holed), at(30))

    assert np.allclose(clip.curves[:, JAW], jaw, atol=1e-4)
    assert causes(notices) == {"not_finite": 3}


async def test_short_gaps_are_interpolated_and_long_ones_rest() -> None:
    """Four missing rows are a line; two missing seconds ease to rest and back, and are told."""
    jaw = np.full(120, 0.6)
    times = np.arange(120) / 30
    short = np.delete(np.arange(120), range(40, 44))
    long = np.delete(np.arange(120), range(30, 90))
    bridged, short_notices = await animate(seconds_csv({"JawOpen": jaw[short]}, times[short], "Time"), at(30))
    rested, long_notices = await animate(seconds_csv({"JawOpen": jaw[long]}, times[long], "Time"), at(30))

    assert np.allclose(bridged.curves[:, JAW], 0.6)
    assert bridged.frame_count == rested.frame_count == 120
    assert causes(short_notices) == {"gap": 4}
    assert rested.curves[45:75, JAW].max() == 0
    assert np.abs(np.diff(rested.curves[:, JAW])).max() < 0.15
    lost = [n for n in long_notices if n.kind is NoticeKind.FACE_LOST]
    assert [(n.details["from_s"], n.details["to_s"]) for n in lost] == [("1.000", "3.000")]


async def test_rows_in_disorder_are_left_out() -> None:
    """Repeated times, a row that goes back and one from far ahead do no harm."""
    jaw = wave(60, 30)
    lines = recorded(jaw).splitlines()
    lines.insert(20, lines[19])
    lines.insert(40, lines[10])
    lines.insert(50, "9999.0,0.5")
    clip, notices = await animate("\n".join(lines), at(30))

    assert np.allclose(clip.curves[:, JAW], jaw, atol=1e-6)
    assert causes(notices) == {"repeated": 2, "reversed": 1}


async def test_calibration_makes_the_start_neutral() -> None:
    """A resting jaw of 0.2 counts as 0 and 1 stays 1; a head that looks aside looks ahead."""
    jaw = np.concatenate([np.full(30, 0.2), np.linspace(0.2, 1.0, 30)])
    text = recorded(jaw, 30, HeadYaw=np.concatenate([np.full(30, 12.0), np.full(30, 20.0)]))
    clip, _ = await animate(text, at(30, calibration_s=1.0))

    assert np.allclose(clip.curves[:30, JAW], 0, atol=1e-6)
    assert clip.curves[-1, JAW] == pytest.approx(1)
    assert clip.poses[0, 0] == pytest.approx(0, abs=1e-4)
    assert clip.poses[-1, 0] == pytest.approx(8, abs=1e-3)


async def test_calibration_straightens_a_skeleton() -> None:
    """A neck that rests bowed by 90 degrees turns as an upright one does."""
    turns = [(0.0, 0.0, 0.0)] * 25 + [(0.0, 0.0, 10.0)] * 25
    clip, _ = await animate(bvh(turns, neck=(0, -90, 0)), at(25, calibration_s=1.0))

    assert clip.poses[10, :3] == pytest.approx([0, 0, 0], abs=1e-4)
    assert np.linalg.norm(clip.poses[-1, :3]) == pytest.approx(10, abs=1e-3)


async def test_eyes_follow_their_rotations_where_curves_do_not() -> None:
    """Rotations alone move the curves; recorded curves count more."""
    looks = {"LeftEyeYaw": np.full(60, 0.25), "RightEyeYaw": np.full(60, 0.25), "LeftEyePitch": np.full(60, -0.1)}
    clip, _ = await animate(live_link_csv(looks))
    kept, _ = await animate(live_link_csv(looks | {"EyeLookUpRight": np.full(60, 0.4)}))

    assert clip.curves[5, CURVE_INDEX["EyeLookOutLeft"]] == pytest.approx(0.5, abs=0.01)
    assert clip.curves[5, CURVE_INDEX["EyeLookInRight"]] == pytest.approx(0.5, abs=0.01)
    assert clip.curves[5, CURVE_INDEX["EyeLookUpLeft"]] > 0.2
    assert kept.curves[5, CURVE_INDEX["EyeLookOutLeft"]] == 0


async def test_smoothing_takes_noise_and_no_time() -> None:
    """Full smoothing leaves a fraction of the noise, and the wave where it was."""
    noise = 0.03 * np.random.default_rng(2).normal(size=240)
    slow = 0.4 - 0.3 * np.cos(2 * np.pi * np.arange(240) / 120)
    clip, _ = await animate(recorded(slow + noise, 60), at(60, smoothing=1.0))
    left = clip.curves[20:-20, JAW] - slow[20:-20]
    shifts = [float(np.corrcoef(clip.curves[20:-20, JAW], slow[20 + s : 220 + s])[0, 1]) for s in range(-5, 6)]

    assert np.diff(left).std() < 0.1 * np.diff(noise).std()
    assert int(np.argmax(shifts)) == 5


async def test_controls_scale_what_was_recorded() -> None:
    """Strengths act on their parts, gains and offsets last; a change in the middle is eased in."""
    tracks = {"JawOpen": np.full(60, 0.5), "BrowInnerUp": np.full(60, 0.5), "HeadYaw": np.full(60, 10.0)}
    text = seconds_csv(tracks, np.arange(60) / 30, "Time")
    setting = Controls(
        lower_face=0.5, upper_face=2.0, head_motion=0.5, gains={"BrowInnerUp": 0.5}, offsets={"JawOpen": 0.1}
    )
    clip, _ = await animate(text, at(30, controls=setting))
    changed, _ = await animate(text, at(30), 1 << 10, (1, MocapControls(setting)))

    assert clip.curves[30, [JAW, CURVE_INDEX["BrowInnerUp"]]] == pytest.approx([0.35, 0.5])
    assert clip.poses[30, 0] == pytest.approx(5)
    assert changed.curves[0, JAW] == pytest.approx(0.5)
    assert changed.curves[-1, JAW] == pytest.approx(0.35)


async def test_values_out_of_range_are_clamped_and_told() -> None:
    """Each channel once."""
    clip, notices = await animate(recorded(np.linspace(0, 3, 30), 30, JawLeft=np.full(30, -0.5)), at(30))
    told = [n.details["channel"] for n in notices if n.kind is NoticeKind.VALUE_CLAMPED]

    assert clip.curves.max() == 1
    assert clip.curves.min() == 0
    assert told == ["JawLeft", "JawOpen"]


async def test_life_is_added_where_the_recording_is_still() -> None:
    """Blinks, gaze and head come to a recorded mouth, which stays as it was; a recorded head stays too."""
    jaw = wave(300, 30)
    bare, _ = await animate(recorded(jaw), at(30))
    alive, _ = await animate(recorded(jaw), at(30, adds_life=True))
    turned, _ = await animate(recorded(jaw, 30, HeadYaw=10 * jaw), at(30, adds_life=True))
    looks = [CURVE_INDEX["EyeLookInLeft"], CURVE_INDEX["EyeLookOutLeft"]]

    assert bare.curves[:, BLINK].max() == 0
    assert alive.curves[:, BLINK].max() > 0.9
    assert np.ptp(alive.poses[:, 0]) > 0.5
    assert np.array_equal(alive.curves[:, JAW], bare.curves[:, JAW])
    assert turned.poses[:, 0] == pytest.approx(10 * jaw, abs=1e-4)
    assert turned.curves[:, looks].max() > alive.curves[:, looks].min()


async def test_life_never_touches_what_moves() -> None:
    """With blinks recorded, the lids are the recording's alone."""
    lids = np.zeros(300)
    lids[100:105] = [0.5, 1, 1, 0.7, 0.2]
    alive, _ = await animate(recorded(wave(300, 30), 30, EyeBlinkLeft=lids), at(30, adds_life=True))

    assert np.allclose(alive.curves[:, BLINK], lids, atol=1e-6)


@pytest.mark.parametrize("piece", [7, 100_000])
@pytest.mark.parametrize("rate", [25, 30, 60])
async def test_live_frames_are_those_of_the_recording(piece: int, rate: int) -> None:
    """Without smoothing, a live recording in any pieces is the whole one."""
    text = recorded(wave(90, 30))
    whole, _ = await animate(text, at(rate))
    live, _ = await animate(text, at(rate, is_live=True), piece)

    assert live.frame_count == whole.frame_count
    assert np.allclose(live.curves, whole.curves, atol=1e-5)


async def test_live_frames_come_with_their_rows() -> None:
    """Ten rows a piece at the rate wanted: at most one row is waited for."""
    lines = recorded(wave(60, 25), 25).splitlines(keepends=True)
    seen: list[int] = []
    came = 0

    async def pieces() -> AsyncIterator[Piece]:
        for start in range(0, len(lines), 10):
            seen.append(came)
            yield MocapData("".join(lines[start : start + 10]).encode())

    async for answer in AnimateFromMocap(600.0)(at(25, is_live=True), pieces()):
        if isinstance(answer, CurveBlock):
            came = answer.end_frame

    # The header takes one line; what a piece brought is there before the next is asked for.
    assert seen == [0, 9, 19, 29, 39, 49, 59]


async def test_live_gaps_hold_and_jumps_need_a_witness() -> None:
    """A second without rows shows the last one; a lone spike is not shown."""
    jaw = np.full(60, 0.4)
    jaw[20] = 1.0
    times = np.arange(60) / 30
    times[40:] += 1.0
    jaw[40:] = 0.2
    clip, notices = await animate(seconds_csv({"JawOpen": jaw}, times, "Time"), at(30, is_live=True))

    assert clip.curves[15:25, JAW] == pytest.approx(0.4)
    assert clip.curves[45:68, JAW] == pytest.approx(0.4)
    assert clip.curves[72:, JAW] == pytest.approx(0.2)
    assert causes(notices) == {"gap": 1}


async def test_live_calibration_and_smoothing() -> None:
    """Frames come after the calibration, all of them; smoothing lags but settles."""
    jaw = np.concatenate([np.full(30, 0.2), np.full(60, 0.6)])
    clip, _ = await animate(recorded(jaw), at(30, is_live=True, calibration_s=0.5, smoothing=0.5))

    assert clip.frame_count == 90
    assert np.allclose(clip.curves[:30, JAW], 0, atol=1e-3)
    assert clip.curves[31, JAW] < 0.45
    assert clip.curves[-1, JAW] == pytest.approx(0.5, abs=0.02)


async def test_one_row_is_one_frame() -> None:
    """The shortest recording, whole and live."""
    for is_live in (False, True):
        clip, _ = await animate("Time,JawOpen\n3.5,0.25\n", at(25, is_live=is_live))

        assert clip.curves[:, JAW].tolist() == [0.25]


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize(
    ("times", "error"),
    [([0.0, 700.0], StreamTooLong), (np.arange(40) * 1e-5, InvalidField), ([np.nan], MediaUndecodable)],
)
async def test_impossible_times_are_refused(times: Any, error: type[Exception], *, is_live: bool) -> None:
    """Too long, too dense, or none at all; a live recording thins out what is too dense."""
    text = seconds_csv({"JawOpen": np.zeros(len(times))}, times, "Time")
    if is_live and error is InvalidField:
        clip, _ = await animate(text, at(25, is_live=True))

        assert clip.frame_count == 1
        return
    with pytest.raises(error):
        await animate(text, at(25, is_live=is_live))


async def test_recordings_share_what_they_may_hold() -> None:
    """One that does not fit beside the others is told to come back, and leaves nothing behind."""
    verb = AnimateFromMocap(600.0, rows_held=100)
    text = recorded(wave(60, 30)).encode()
    waiting: list[bool] = []

    async def slowly() -> AsyncIterator[Piece]:
        yield MocapData(text)
        with pytest.raises(Overloaded):
            await drain(once())
        waiting.append(True)

    async def once() -> AsyncIterator[Piece]:
        yield MocapData(text)

    async def drain(pieces: AsyncIterator[Piece]) -> int:
        return len([answer async for answer in verb(at(30), pieces)])

    assert await drain(slowly()) > 0
    assert waiting == [True]
    assert await drain(once()) > 0
