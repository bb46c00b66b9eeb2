"""Clips that are measured: what the summary tells, and what happens where nothing can be told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.composition_mesh import collect, serving
from tests.fakes.composition_requests import NAME, block, config
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import errors_pb2, media_pb2

pytestmark = pytest.mark.service


def spoken(**fields: Any) -> Any:
    request = pb.GenerateAvatarRequest(scene=pb.Scene(identity=NAME), **fields)
    request.performance.speech.text = "Mama. Papa. Baba."
    return request


async def test_a_measured_clip_tells_its_quality() -> None:
    """Six frames are looked at after the last picture, in one more chunk, and the summary has the figures."""
    async with serving() as mesh:
        plain = await collect(mesh.stub.GenerateAvatar(spoken()))
        chunks = mesh.renderer.chunks
        found = await collect(mesh.stub.GenerateAvatar(spoken(include_quality=True)))
        summary = found["summary"][0]

        assert not plain["summary"][0].HasField("quality") and found[""][-1] == "summary"
        assert mesh.renderer.chunks == 2 * chunks + 1
        assert mesh.identity.looks == 7
        assert 1 <= summary.quality.sampled_frames <= 6
        assert summary.quality.mean_similarity == pytest.approx(1)
        assert summary.quality.lips_error_mm < 0.2
        assert summary.quality.flicker_levels == 0
        assert summary.stage_seconds["quality"] > 0


async def test_any_size_and_form_is_measured_alike() -> None:
    """The frames that are looked at have 512 pixels in RGB whatever is delivered."""
    async with serving() as mesh:
        request = spoken(include_quality=True)
        request.scene.video.CopyFrom(media_pb2.VideoOutput(width=256, height=144))
        found = await collect(mesh.stub.GenerateAvatar(request))

        assert found["summary"][0].HasField("quality")
        assert mesh.renderer.looks[-1].size == 512 and mesh.renderer.looks[-1].pixels.value == ("frames",)


async def test_streamed_curves_are_measured_too() -> None:
    """RenderCurves takes the wish in its config."""
    async with serving() as mesh:
        first = config()
        first.config.include_quality = True
        blocks = [block(4 * index, 4, index / 5) for index in range(5)]
        found = await collect(mesh.stub.RenderCurves(iter([first, *blocks])))

        assert found["summary"][0].quality.lips_correlation > 0.99


async def test_a_clip_whose_quality_cannot_be_told_is_delivered_all_the_same() -> None:
    """Where the identity service fails, a notice says so, and pictures and summary are complete."""
    async with serving() as mesh:
        mesh.identity.look_error = RuntimeError("broken")
        found = await collect(mesh.stub.GenerateAvatar(spoken(include_quality=True)))

        assert [notice.kind for notice in found["notice"]] == [errors_pb2.StreamNotice.KIND_QUALITY_UNKNOWN]
        assert found["notice"][0].metadata["cause"]
        assert found["summary"][0].frame_count > 0 and not found["summary"][0].HasField("quality")
