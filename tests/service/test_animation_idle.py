"""AnimateIdle over real gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.service.test_animation import Mesh, collect, failure, serving
from visage.client import errors as client_errors
from visage.media.arkit import CURVE_INDEX
from visage.media.curves import CurveClip
from visage.runtime.wire import duration_of
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, media_pb2

pytestmark = pytest.mark.service


async def idle(mesh: Mesh, length_s: float, **fields: Any) -> CurveClip:
    request = pb.AnimateIdleRequest(duration=duration_of(length_s), **fields)
    return collect([response async for response in mesh.stub.AnimateIdle(request)])[1]


async def test_a_face_lives_without_speech() -> None:
    """The frames cover the duration at the rate wanted, poses included, in blocks no larger than asked for."""
    output = pb.CurveOutput(frame_rate=media_pb2.FrameRate(numerator=30, denominator=1), frames_per_block=16)
    async with serving() as mesh:
        clip = await idle(mesh, 4.01, output=output)

        assert clip.frame_count == 121
        assert np.abs(clip.poses).max() > 0.2


async def test_a_loop_follows_itself() -> None:
    """The first pose follows the last one by no more than poses follow each other."""
    async with serving() as mesh:
        clip = await idle(mesh, 5, loop=True, controls=curves_pb2.PerformanceControls(seed=4))
        steps = np.abs(np.diff(clip.poses, axis=0))

        assert clip.frame_count == 125
        assert (np.abs(clip.poses[0] - clip.poses[-1]) <= steps.max(axis=0) + 1e-4).all()
        assert np.abs(clip.poses[0]).max() > 0.05


async def test_a_gaze_beyond_the_eyes_reach_is_told() -> None:
    """One notice names the angle; the eyes go as far as they can."""
    gaze = curves_pb2.GazeTarget(yaw_degrees=90, pitch_degrees=-20)
    request = pb.AnimateIdleRequest(
        duration=duration_of(2), controls=curves_pb2.PerformanceControls(gaze_target=gaze, gaze_motion_strength=0)
    )
    async with serving() as mesh:
        responses = [response async for response in mesh.stub.AnimateIdle(request)]
    notices = [response.notice for response in responses if response.WhichOneof("response") == "notice"]

    assert [dict(notice.metadata) for notice in notices] == [{"field": "gaze_target.yaw_degrees"}]
    assert collect(responses)[1].curves[30, CURVE_INDEX["EyeLookOutLeft"]] > 0.5


@pytest.mark.parametrize(("length_s", "loop"), [(0.5, False), (601.0, False), (1.0, True), (121.0, True)])
async def test_durations_out_of_range_are_refused(length_s: float, loop: bool) -> None:
    """The error names the field."""
    async with serving() as mesh:
        error = await failure(mesh.stub.AnimateIdle(pb.AnimateIdleRequest(duration=duration_of(length_s), loop=loop)))

        assert type(error) is client_errors.InvalidRequest
        assert "duration" in error.fields


async def test_a_duration_is_required() -> None:
    """Without one the call is refused by name."""
    async with serving() as mesh:
        error = await failure(mesh.stub.AnimateIdle(pb.AnimateIdleRequest()))

        assert "duration" in error.fields
