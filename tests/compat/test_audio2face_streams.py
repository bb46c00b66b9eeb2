"""What goes wrong with streams of Audio2Face-3D clients, and what surrounds them: limits, ends, deadlines."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.fakes.audio2face_client import (
    Clip,
    audio_request,
    end_request,
    header_request,
    pb,
    read,
    requests_of,
)
from tests.fakes.audio2face_service import Audio2FaceMesh, serve_audio2face
from tests.fakes.lip_sync import sound, speech_like
from visage.animation.audio2face.protos import FULL_NAME
from visage.media.pcm import to_int16
from visage.runtime.errors import ModelUnavailable

pytestmark = pytest.mark.compat

ERROR = 3
BYTES = to_int16(sound(("hum", 1.0))).tobytes()


def failed(clip: Clip) -> tuple[str, str, list[str]]:
    """Status, reason and fields of a clip that failed as it should: header first, ERROR last, then the same by gRPC."""
    assert clip.kinds[0] == "animation_data_stream_header" and clip.kinds[-1] == "status"
    assert len(clip.header.skel_animation_header.blend_shapes) == 52
    assert clip.statuses[-1][0] == ERROR and clip.statuses[-1][1]
    assert clip.code is not None and clip.refusal is not None
    return clip.code.name, clip.refusal.reason, clip.refusal.fields


async def test_the_client_need_not_half_close() -> None:
    """The call ends after end_of_audio although the client leaves its side open, and what comes later is not read."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        call = mesh.client.stub.ProcessAudioStream()
        for request in (header_request(), audio_request(BYTES), end_request()):
            await call.write(request)
        clip = await read(call)

    assert clip.code is grpc.StatusCode.OK and len(clip.rows) == 30


async def test_half_closing_ends_the_audio_too() -> None:
    """A client that forgets end_of_audio and closes its side gets everything."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        call = mesh.client.stub.ProcessAudioStream(iter([header_request(), audio_request(BYTES)]))
        clip = await read(call)

    assert clip.code is grpc.StatusCode.OK and clip.audio == BYTES


async def test_frames_come_while_audio_is_sent() -> None:
    """A live client has its first frames long before its end_of_audio."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        call = mesh.client.stub.ProcessAudioStream()
        await call.write(header_request())
        for start in range(0, len(BYTES), 3_200):
            await call.write(audio_request(BYTES[start : start + 3_200]))
        kinds = [(await call.read()).WhichOneof("stream_part") for _ in range(11)]
        await call.write(end_request())
        clip = await read(call)

    assert kinds == ["animation_data_stream_header", *["animation_data"] * 10]
    assert len(clip.rows) == 20 and clip.code is grpc.StatusCode.OK


FORMAT = "audio_stream_header.audio_header"
BUFFER = "audio_with_emotion.audio_buffer"
EMOTIONS = "audio_with_emotion.emotions"
NAN = float("nan")


def clip_of(*sounds: bytes, **header: Any) -> list[Any]:
    return [header_request(**header), *(audio_request(piece) for piece in sounds), end_request()]


@pytest.mark.parametrize(
    ("requests", "reason", "fields"),
    [
        ([end_request()], "STREAM_OUT_OF_ORDER", ["end of stream"]),
        ([audio_request(BYTES), end_request()], "STREAM_OUT_OF_ORDER", ["audio_with_emotion"]),
        ([header_request(), *clip_of(BYTES)], "STREAM_OUT_OF_ORDER", ["audio_stream_header"]),
        ([header_request(), pb.AudioWithEmotionStream(), end_request()], "STREAM_OUT_OF_ORDER", ["an empty message"]),
        (clip_of(), "MEDIA_UNDECODABLE", [BUFFER]),
        (clip_of(b""), "MEDIA_UNDECODABLE", [BUFFER]),
        (clip_of(BYTES, b"x"), "MEDIA_UNDECODABLE", [BUFFER]),
        (clip_of(b"RIFF\x24\x00\x00\x00WAVEfmt " + BYTES), "MEDIA_UNDECODABLE", [BUFFER]),
        (clip_of(b"fLaC" + BYTES), "MEDIA_UNDECODABLE", [BUFFER]),
        (clip_of(BYTES * 11), "MEDIA_TOO_LARGE", [BUFFER]),
        (clip_of(BYTES, rate_hz=8_000), "FIELD_INVALID", [f"{FORMAT}.samples_per_second"]),
        (clip_of(BYTES, rate_hz=192_000), "FIELD_INVALID", [f"{FORMAT}.samples_per_second"]),
        (
            clip_of(BYTES, audio_header={"channel_count": 2, "bits_per_sample": 24, "audio_format": 1}),
            "FIELD_INVALID",
            [f"{FORMAT}.audio_format", f"{FORMAT}.channel_count", f"{FORMAT}.bits_per_sample"],
        ),
        (
            clip_of(BYTES, face_params=pb.FaceParameters(float_params={"skinStrength": NAN})),
            "FIELD_INVALID",
            ['face_params.float_params["skinStrength"]'],
        ),
        (
            clip_of(BYTES, blendshape_params=pb.BlendShapeParameters(bs_weight_offsets={"JawOpen": NAN})),
            "FIELD_INVALID",
            ['blendshape_params.bs_weight_offsets["JawOpen"]'],
        ),
        (
            clip_of(BYTES, emotion_params=pb.EmotionParameters(beginning_emotion={"joy": NAN})),
            "FIELD_INVALID",
            ['emotion_params.beginning_emotion["joy"]'],
        ),
        (
            [header_request(), audio_request(BYTES, [(-1, {"joy": 1})]), end_request()],
            "FIELD_INVALID",
            [f"{EMOTIONS}[0].time_code"],
        ),
        (
            [header_request(), audio_request(BYTES, [(0, {"joy": NAN})]), end_request()],
            "FIELD_INVALID",
            [f'{EMOTIONS}[0].emotion["joy"]'],
        ),
        (
            [header_request(), audio_request(BYTES, [(at / 10, {"joy": 1}) for at in range(1001)]), end_request()],
            "FIELD_INVALID",
            [EMOTIONS],
        ),
    ],
)
async def test_bad_streams_are_refused_by_name(requests: list[Any], reason: str, fields: list[str]) -> None:
    """INVALID_ARGUMENT with the client's own name of the field, told in the stream, too."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        clip = await mesh.client.animate(requests)
        left = mesh.running.running_calls

    assert failed(clip) == ("INVALID_ARGUMENT", reason, fields)
    assert left == 0


async def test_a_client_without_any_message_is_refused() -> None:
    """A stream that is closed at once still has a header."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        clip = await read(mesh.client.stub.ProcessAudioStream(iter([])))

    assert failed(clip)[1] == "STREAM_OUT_OF_ORDER"


async def test_an_error_does_not_break_the_writer() -> None:
    """A refused clip is read to its end_of_audio: the client's writes succeed, and it learns why."""
    long = [audio_request(BYTES) for _ in range(60)]
    async with serve_audio2face() as mesh, asyncio.timeout(30):
        call = mesh.client.stub.ProcessAudioStream()
        await call.write(header_request(audio_header={"bits_per_sample": 8}))
        told = [await call.read(), await call.read()]
        for request in long:
            await call.write(request)
        assert not call.done()
        await call.write(end_request())
        clip = await read(call)

    assert told[1].status.code == ERROR
    assert clip.refusal is not None and clip.refusal.fields == [f"{FORMAT}.bits_per_sample"]


async def test_a_clip_over_the_limit_is_out_of_range() -> None:
    """What fits has been animated; then the limit is named."""
    async with serve_audio2face(audio2face_longest_clip_s=2) as mesh, asyncio.timeout(20):
        clip = await mesh.client.animate(requests_of(speech_like(4)))

    assert failed(clip)[:2] == ("OUT_OF_RANGE", "STREAM_TOO_LONG")
    assert clip.refusal is not None and clip.refusal.metadata["limit"] == "2 s"


async def test_live_clips_have_time() -> None:
    """A client that sets no deadline may send the longest clip as it is spoken, with pauses: it has another default."""
    async with serve_audio2face(default_deadline_s=0.2) as mesh, asyncio.timeout(20):
        call = mesh.client.stub.ProcessAudioStream()
        await call.write(header_request())
        await asyncio.sleep(0.4)
        await call.write(audio_request(BYTES))
        await call.write(end_request())
        clip = await read(call)

    assert clip.code is grpc.StatusCode.OK and len(clip.rows) == 30


async def test_clients_without_a_deadline_get_one() -> None:
    """Twice the longest clip, whatever hangs."""
    async with serve_audio2face(audio2face_longest_clip_s=0.2) as mesh, asyncio.timeout(20):
        call = mesh.client.stub.ProcessAudioStream()
        await call.write(header_request())
        clip = await read(call)

    assert clip.kinds == ["animation_data_stream_header"]
    assert clip.refusal is not None and clip.refusal.reason == "DEADLINE"


@pytest.mark.parametrize("sent", [0, 1, 2])
async def test_a_client_that_stops_is_ended(sent: int) -> None:
    """Whether it stops before its header, behind it or behind some sound: ABORTED, CLIENT_STALLED, and a header."""
    async with serve_audio2face(idle_stream_s=0.2) as mesh, asyncio.timeout(20):
        call = mesh.client.stub.ProcessAudioStream()
        for request in (header_request(), audio_request(BYTES))[:sent]:
            await call.write(request)
        clip = await read(call)

    assert failed(clip)[:2] == ("ABORTED", "CLIENT_STALLED")


async def test_audio_that_starts_late_is_animated() -> None:
    """A second of digital silence, then speech: the mouth rests until then."""
    samples = np.concatenate([np.zeros(16_000, np.float32), sound(("hum", 1.0))])
    async with serve_audio2face() as mesh:
        clip = await mesh.client.animate(requests_of(samples))
    jaw = clip.channel("JawOpen")

    assert jaw[:27].max() < 0.05 and jaw[35:50].min() > 0.3


async def test_an_absent_network_is_told() -> None:
    """UNAVAILABLE with a time to come back, behind header and ERROR."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        mesh.model.error = ModelUnavailable("lip_sync")
        clip = await mesh.client.animate(requests_of(speech_like(2)))

    assert failed(clip)[:2] == ("UNAVAILABLE", "MODEL_UNAVAILABLE")
    assert clip.refusal is not None and clip.refusal.retry_after_s


async def test_a_defect_is_told_without_its_innards() -> None:
    """INTERNAL; the message in the stream gives nothing away."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        mesh.model.error = ZeroDivisionError("secret")
        clip = await mesh.client.animate(requests_of(speech_like(2)))

    assert failed(clip)[:2] == ("INTERNAL", "INTERNAL")
    assert "secret" not in clip.statuses[-1][1]


async def test_cancelling_stops_the_network() -> None:
    """A client that vanishes leaves no window under way and no call running."""
    async with serve_audio2face() as mesh, asyncio.timeout(20):
        mesh.model.hold = asyncio.Event()
        call = mesh.client.stub.ProcessAudioStream()
        for request in requests_of(speech_like(4))[:-1]:
            await call.write(request)
        await mesh.model.three_in_flight.wait()
        call.cancel()
        while mesh.model.in_flight or mesh.running.running_calls:
            await asyncio.sleep(0.01)

    assert mesh.model.cancelled >= 3


async def test_streams_take_places_of_the_capacity() -> None:
    """The stream too many is read to its end, so that the client sees why it is refused and when to come back."""
    async with serve_audio2face(stream_capacity=1) as mesh, asyncio.timeout(20):
        first = mesh.client.stub.ProcessAudioStream()
        await first.write(header_request())
        await first.read()
        second = mesh.client.stub.ProcessAudioStream()
        await second.write(header_request())
        told = [await second.read(), await second.read()]
        for _ in range(40):
            await second.write(audio_request(BYTES))
        is_over_early = second.done()
        await second.write(end_request())
        clip = await read(second)
        first.cancel()

    assert [message.WhichOneof("stream_part") for message in told] == ["animation_data_stream_header", "status"]
    assert told[1].status.code == ERROR and "running already" in told[1].status.message
    assert not is_over_early and clip.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert clip.refusal is not None and clip.refusal.retry_after_s


async def test_health_knows_the_service() -> None:
    """The sample application asks for the health of the whole; a name of its own is there, too."""

    async def status(mesh: Audio2FaceMesh, name: str) -> int:
        stub = health_pb2_grpc.HealthStub(mesh.client.channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest(service=name))).status)

    async with serve_audio2face() as mesh, asyncio.timeout(20):
        while await status(mesh, "") != health_pb2.HealthCheckResponse.SERVING:
            await asyncio.sleep(0.01)

        assert await status(mesh, FULL_NAME) == health_pb2.HealthCheckResponse.SERVING
