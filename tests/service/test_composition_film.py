"""A driving video in GenerateAvatar: its face goes to the animation service, its sound along with the pictures."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from tests.fakes.composition_mesh import collect, failure, serving
from tests.fakes.composition_requests import NAME, RAW, opened
from tests.fakes.driving_films import Picture, film
from visage.runtime import errors
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import curves_pb2, driving_pb2, errors_pb2, media_pb2

pytestmark = pytest.mark.service

PICTURES: list[Picture] = [np.full((64, 64, 3), 10 * index, np.uint8) for index in range(20)]


def click(at_s: float, seconds: float) -> Any:
    sound = np.zeros(round(seconds * 48_000), np.float32)
    sound[round(at_s * 48_000) :][:480] = 0.8
    return sound


def driven(content: bytes, video: media_pb2.VideoOutput | None = None, **fields: Any) -> pb.GenerateAvatarRequest:
    """A request to move as a film does."""
    performance = pb.Performance(driving_video=media_pb2.MediaSource(content=content), **fields)
    return pb.GenerateAvatarRequest(scene=pb.Scene(identity=NAME, video=video), performance=performance)


async def test_a_film_drives_pictures_and_is_heard() -> None:
    """The whole film and all options reach animation; the sound is as long as the pictures, at its own place."""
    content = film(PICTURES, sound=click(0.5, 3.0))
    options = driving_pb2.DrivingOptions(reference=driving_pb2.DrivingOptions.REFERENCE_FIRST_FRAME, face_index=2)
    controls = curves_pb2.PerformanceControls(lower_face_strength=0.5)
    async with serving() as mesh:
        found = await collect(mesh.stub.GenerateAvatar(driven(content, RAW, driving=options, controls=controls)))
        samples = np.frombuffer(b"".join(part.data for part in found["audio"]), "<i2")

        assert mesh.animation.film == content
        assert mesh.animation.config.driving == options
        assert mesh.animation.config.controls == controls
        assert found["summary"][0].frame_count == 20
        assert len(samples) == round(0.8 * 48_000)
        assert np.abs(samples).argmax() / 48_000 == pytest.approx(0.5, abs=0.02)


async def test_a_mute_film_makes_a_mute_video() -> None:
    """Without a soundtrack the MP4 has none, and the header says so."""
    async with serving() as mesh:
        found = await collect(mesh.stub.GenerateAvatar(driven(film(PICTURES))))

        assert "mp4a" not in found["header"][0].mime_type
        assert [stream.type for stream in opened(found).streams] == ["video"]


async def test_the_scenes_frame_rate_is_asked_for() -> None:
    """Curves come at the rate of the pictures wanted, and notices and curves go on to the caller."""
    rate = media_pb2.FrameRate(numerator=50, denominator=1)
    async with serving() as mesh:
        mesh.animation.notice = errors_pb2.StreamNotice(kind=errors_pb2.StreamNotice.KIND_FACE_LOST)
        request = driven(film(PICTURES), media_pb2.VideoOutput(frame_rate=rate))
        request.include_curves = True
        found = await collect(mesh.stub.GenerateAvatar(request))

        assert mesh.animation.config.output.frame_rate == rate
        assert found["notice"] == [mesh.animation.notice]
        assert sum(block.frame_count for block in found["curves"]) == 20


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (errors.MediaTooLarge("data", "60 s", "75.0 s"), "performance.driving_video"),
        (errors.InvalidField("config.driving.face_index", "there is 1", "0 to 0"), "performance.driving.face_index"),
    ],
)
async def test_what_animation_refuses_names_our_field(error: Exception, field: str) -> None:
    """The caller learns about a field of the caller's own request."""
    async with serving() as mesh:
        mesh.animation.film_error = error
        failed = await failure(mesh.stub.GenerateAvatar(driven(film(PICTURES))))

        assert failed.code == "INVALID_ARGUMENT"
        assert list(failed.fields) == [field]


async def test_what_is_no_film_is_refused() -> None:
    """Bytes that are none name the field."""
    async with serving() as mesh:
        failed = await failure(mesh.stub.GenerateAvatar(driven(b"nothing to see" * 9)))

        assert failed.code == "INVALID_ARGUMENT"
        assert list(failed.fields) == ["performance.driving_video"]


async def test_cancelling_ends_the_call_below() -> None:
    """While animation still looks at the film, a caller who leaves takes everything along."""
    async with serving() as mesh:
        asked = asyncio.Event()

        async def wait(frame: int) -> None:
            asked.set()
            await asyncio.sleep(3600)

        mesh.animation.before_block = wait
        call = mesh.stub.GenerateAvatar(driven(film(PICTURES)))
        reading = asyncio.ensure_future(collect(call))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await mesh.settled()

        assert mesh.animation.log.cancelled == 1
