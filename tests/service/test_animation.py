"""The animation service over real gRPC, with a network that hears hums and buzzes and a speech service of letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest

from tests.fakes.lip_sync import FakeLipSync, sound, speech_like
from tests.fakes.onnx_face_models import OnnxFaceModels
from tests.fakes.speech import FakeSpeech
from visage.animation.animate_from_audio import AnimateFromAudio, Limits
from visage.animation.animate_from_text import AnimateFromText
from visage.animation.animate_from_video import AnimateFromVideo
from visage.animation.servicer import AnimationServicer
from visage.animation.settings import AnimationSettings
from visage.client import errors as client_errors
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.curves import CurveBlock, CurveClip
from visage.media.pcm import to_int16
from visage.runtime import peers, server, wire
from visage.runtime.errors import ModelUnavailable
from visage.runtime.films import FilmLimits
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, errors_pb2, media_pb2, speech_service_pb2
from visage.v1.animation_service_pb2_grpc import AnimationServiceStub, add_AnimationServiceServicer_to_server

pytestmark = pytest.mark.service

JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
Request = pb.AnimateFromAudioRequest


@dataclass
class Mesh:
    """One running animation service and what stands behind it."""

    running: server.RunningServer
    model: FakeLipSync
    speech: FakeSpeech
    stub: Any


@asynccontextmanager
async def serving(longest_s: float = 20.0, **settings: Any) -> AsyncIterator[Mesh]:
    """Serves on a free loopback port."""
    model, speech = FakeLipSync(), FakeSpeech()
    from_audio = AnimateFromAudio(model, Limits(longest_s, 4))
    from_video = AnimateFromVideo(OnnxFaceModels(), FilmLimits(), 10.0)
    from_text = AnimateFromText(from_audio, speech, longest_s)
    servicer = AnimationServicer(from_audio, from_text, from_video, longest_s)

    async def ready() -> dict[str, bool]:
        return {"lip_sync": True}

    async def release() -> None:
        return None

    entry = server.Servicer(add_AnimationServiceServicer_to_server, servicer, "visage.v1.AnimationService")
    chosen: dict[str, Any] = {"port": 0, "drain_wait_s": 0.0, "drain_grace_s": 1.0} | settings
    async with server.start(server.Parts("animation", [entry], ready, release), AnimationSettings(**chosen)) as running:
        channel = peers.open_channel(running.address)
        try:
            yield Mesh(running, model, speech, AnimationServiceStub(channel))  # type: ignore[no-untyped-call]
        finally:
            await channel.close()


def config(**fields: Any) -> Request:
    linear = media_pb2.AudioFormat(encoding=media_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=16_000)
    return Request(config=Request.Config(**{"audio_format": linear, **fields}))


def audio(samples: np.ndarray, piece: int = 6_400) -> list[Request]:
    data = to_int16(samples).tobytes()
    return [Request(audio=data[start : start + piece]) for start in range(0, len(data), piece)]


def collect(responses: Iterable[Any]) -> tuple[curves_pb2.CurveHeader, CurveClip, list[errors_pb2.StreamNotice]]:
    header, blocks, notices = None, [], []
    for response in responses:
        kind = response.WhichOneof("response")
        if kind == "header":
            assert header is None and not blocks
            header = response.header
            reader = wire.CurveReader.of(header)
        elif kind == "block":
            blocks.append(reader.read(response.block))
        else:
            notices.append(response.notice)
    assert header is not None
    return header, CurveClip.joined(reader.frame_rate, blocks), notices


async def animate(mesh: Mesh, *requests: Request) -> Any:
    return collect([response async for response in mesh.stub.AnimateFromAudio(iter(requests))])


async def failure(call: Any) -> client_errors.VisageError:
    """Reads a stream to its failure and returns the client's view of it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    return client_errors.from_rpc(caught.value)


async def test_audio_becomes_curves() -> None:
    """Header first, then blocks without a gap that cover the audio; names are sent once, in ARKit order."""
    async with serving() as mesh:
        header, clip, notices = await animate(mesh, config(), *audio(speech_like(2.5)))

        assert tuple(header.channels) == CURVE_NAMES
        assert (header.schema, header.has_head_pose) == ("curveSchemas/arkit-52", True)
        assert clip.frame_count == 63
        assert clip.curves[:, JAW].max() > 0.4
        assert np.abs(clip.poses[:, :3]).max() > 0.5
        assert notices == []


async def test_frame_rate_and_block_size_are_the_ones_asked_for() -> None:
    """NTSC film rate and three frames at most in a block."""
    rate = media_pb2.FrameRate(numerator=24_000, denominator=1001)
    output = pb.CurveOutput(frame_rate=rate, frames_per_block=3)
    async with serving() as mesh:
        requests = [config(output=output), *audio(speech_like(1.5))]
        responses = [response async for response in mesh.stub.AnimateFromAudio(iter(requests))]
        _, clip, _ = collect(responses)

        assert clip.frame_rate == Fraction(24_000, 1001)
        assert clip.frame_count == 36
        assert max(r.block.frame_count for r in responses if r.HasField("block")) == 3


async def test_a_wav_file_needs_no_format() -> None:
    """Without audio_format the bytes tell what they are."""
    import io

    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.repeat(speech_like(1, 44_100)[:, None], 2, axis=1), 44_100, format="WAV")
    async with serving() as mesh:
        _, clip, _ = await animate(mesh, Request(config=Request.Config()), Request(audio=file.getvalue()))

        assert clip.frame_count == 25
        assert clip.curves[:, JAW].max() > 0.3


async def test_curves_come_before_the_audio_ends() -> None:
    """After one second of live audio the first frames are there, while the client has sent no more."""
    async with serving() as mesh:
        call = mesh.stub.AnimateFromAudio()
        for request in [config(), *audio(speech_like(1))]:
            await call.write(request)
        frames = 0
        async with asyncio.timeout(10):
            await call.read()
            while frames < 14:
                frames += (await call.read()).block.frame_count
        call.cancel()

        assert frames >= 14


async def test_timing_drives_the_mouth() -> None:
    """Phonemes in IPA close the lips where they say; the network is not asked."""
    timing = curves_pb2.SpeechTiming()
    for ipa, start_s, end_s in (("ɑ", 0.2, 0.6), ("m", 0.6, 0.7), ("ɑ", 0.7, 1.2)):
        timing.phonemes.add(phoneme=ipa, start_offset=wire.duration_of(start_s), end_offset=wire.duration_of(end_s))
    async with serving() as mesh:
        _, clip, _ = await animate(mesh, config(timed=True), Request(timing=timing), *audio(sound(("hum", 1.5))))
        gap = clip.curves[:, JAW] - clip.curves[:, CLOSE]

        assert mesh.model.windows == 0
        assert gap[16] < 0.02
        assert gap[11] > 0.2


async def test_notices_tell_of_silence_and_clipping() -> None:
    """Each comes once, with its time."""
    clipped = np.clip(4 * sound(("hum", 1), level=0.9), -1, 1)
    async with serving() as mesh:
        _, _, silent = await animate(mesh, config(), *audio(sound(("silence", 2))))
        _, _, loud = await animate(mesh, config(), *audio(clipped))

        assert [notice.kind for notice in silent] == [errors_pb2.StreamNotice.KIND_AUDIO_SILENT]
        assert [notice.kind for notice in loud] == [errors_pb2.StreamNotice.KIND_AUDIO_CLIPPED]
        assert wire.seconds_of(loud[0].at_offset) == 1.0


async def test_equal_seeds_give_equal_curves() -> None:
    """Bit for bit, and another seed gives another performance with the same mouth."""
    async with serving() as mesh:

        async def perform(seed: int, piece: int) -> CurveClip:
            controls = curves_pb2.PerformanceControls(seed=seed)
            _, clip, _ = await animate(mesh, config(controls=controls), *audio(speech_like(3), piece))
            return clip

        one, two, other = await perform(5, 6_400), await perform(5, 1_000), await perform(6, 6_400)

        assert np.array_equal(one.curves, two.curves)
        assert np.array_equal(one.poses, two.poses)
        assert np.array_equal(one.curves[:, JAW], other.curves[:, JAW])
        assert not np.array_equal(one.poses, other.poses)


async def test_controls_may_change_in_mid_stream() -> None:
    """A gain of 0 that comes after one second stills its channel from there on."""
    still = curves_pb2.PerformanceControls(channel_gains={"JawOpen": 0.0})
    hum = audio(sound(("hum", 1)))
    async with serving() as mesh:
        _, clip, _ = await animate(mesh, config(), *hum, Request(controls=still), *hum)

        assert clip.curves[5:24, JAW].min() > 0.4
        assert clip.curves[33:, JAW].max() == 0


LINEAR16 = media_pb2.AUDIO_ENCODING_LINEAR16


def audio_format(**fields: Any) -> media_pb2.AudioFormat:
    return media_pb2.AudioFormat(**fields)


@pytest.mark.parametrize(
    ("requests", "reason", "field"),
    [
        ([], "STREAM_OUT_OF_ORDER", ""),
        ([Request(audio=b"ab")], "STREAM_OUT_OF_ORDER", "audio"),
        ([config(), config()], "STREAM_OUT_OF_ORDER", "config"),
        ([config()], "MEDIA_UNDECODABLE", "audio"),
        ([config(), Request(audio=b"")], "MEDIA_UNDECODABLE", "audio"),
        ([config(), Request(audio=b"abc")], "MEDIA_UNDECODABLE", "audio"),
        ([Request(config=Request.Config()), Request(audio=b"not a sound at all")], "MEDIA_UNDECODABLE", "audio"),
        ([config(), Request(timing=curves_pb2.SpeechTiming())], "FIELD_INVALID", "timing"),
        (
            [config(audio_format=audio_format(encoding=LINEAR16))],
            "FIELD_INVALID",
            "config.audio_format.sample_rate_hertz",
        ),
        (
            [config(audio_format=audio_format(sample_rate_hertz=16_000))],
            "FIELD_INVALID",
            "config.audio_format.encoding",
        ),
        (
            [config(audio_format=audio_format(encoding=media_pb2.AUDIO_ENCODING_OGG_OPUS))],
            "FIELD_INVALID",
            "config.audio_format.encoding",
        ),
        (
            [config(audio_format=audio_format(encoding=LINEAR16, sample_rate_hertz=4_000))],
            "FIELD_INVALID",
            "config.audio_format.sample_rate_hertz",
        ),
        (
            [config(output=pb.CurveOutput(frame_rate=media_pb2.FrameRate(numerator=240, denominator=1)))],
            "FIELD_INVALID",
            "config.output.frame_rate",
        ),
        (
            [config(controls=curves_pb2.PerformanceControls(channel_gains={"jawOpen": 1.0}))],
            "FIELD_INVALID",
            'config.controls.channel_gains["jawOpen"]',
        ),
        (
            [config(), Request(controls=curves_pb2.PerformanceControls(channel_offsets={"Nose": 0.5}))],
            "FIELD_INVALID",
            'controls.channel_offsets["Nose"]',
        ),
        (
            [config(controls=curves_pb2.PerformanceControls(blinks_per_minute=100))],
            "FIELD_INVALID",
            "config.controls.blinks_per_minute",
        ),
    ],
)
async def test_bad_streams_are_refused_by_name(requests: list[Request], reason: str, field: str) -> None:
    """INVALID_ARGUMENT with the documented reason and the field's path; nothing hangs."""
    async with serving() as mesh, asyncio.timeout(20):
        error = await failure(mesh.stub.AnimateFromAudio(iter(requests)))

        assert isinstance(error, client_errors.InvalidRequest)
        assert error.reason == reason
        assert field in (*error.fields, "")


async def test_a_stream_over_the_limit_is_out_of_range() -> None:
    """Two seconds where one is allowed end with OUT_OF_RANGE and the limit."""
    async with serving(longest_s=1) as mesh:
        call = mesh.stub.AnimateFromAudio(iter([config(), *audio(speech_like(2))]))
        error = await failure(call)

        assert await call.code() is grpc.StatusCode.OUT_OF_RANGE
        assert error.reason == "STREAM_TOO_LONG"
        assert error.metadata["limit"] == "1 s"


async def test_an_idle_client_is_ended() -> None:
    """A client that sends its config and nothing more gets ABORTED, CLIENT_STALLED."""
    async with serving(idle_stream_s=0.2) as mesh, asyncio.timeout(10):
        call = mesh.stub.AnimateFromAudio()
        await call.write(config())
        error = await failure(call)

        assert await call.code() is grpc.StatusCode.ABORTED
        assert error.reason == "CLIENT_STALLED"


async def test_an_absent_network_is_unavailable() -> None:
    """The stream ends with UNAVAILABLE, MODEL_UNAVAILABLE and a time to come back."""
    async with serving() as mesh:
        mesh.model.error = ModelUnavailable("lip_sync")
        error = await failure(mesh.stub.AnimateFromAudio(iter([config(), *audio(speech_like(1))])))

        assert isinstance(error, client_errors.Unavailable)
        assert error.reason == "MODEL_UNAVAILABLE"
        assert error.retry_after_s


async def test_cancelling_stops_the_network() -> None:
    """A client that vanishes in mid-stream leaves no window under way and no call running."""
    async with serving() as mesh, asyncio.timeout(20):
        mesh.model.hold = asyncio.Event()
        call = mesh.stub.AnimateFromAudio()
        for request in [config(), *audio(speech_like(4))]:
            await call.write(request)
        await mesh.model.three_in_flight.wait()
        call.cancel()
        while mesh.model.in_flight or mesh.running.running_calls:
            await asyncio.sleep(0.01)

        assert mesh.model.cancelled >= 3


async def test_timings_become_curves_without_audio() -> None:
    """AnimateFromText with timing covers the phonemes and closes the lips in its p."""
    timing = curves_pb2.SpeechTiming()
    for ipa, start_s, end_s in (("", 0, 0.2), ("ɑ", 0.2, 0.6), ("p", 0.6, 0.72), ("ɑ", 0.72, 1.1)):
        timing.phonemes.add(phoneme=ipa, start_offset=wire.duration_of(start_s), end_offset=wire.duration_of(end_s))
    async with serving() as mesh:
        request = pb.AnimateFromTextRequest(timing=timing)
        _, clip, _ = collect([response async for response in mesh.stub.AnimateFromText(request)])
        gap = clip.curves[:, JAW] - clip.curves[:, CLOSE]

        assert clip.frame_count == 28
        assert gap[16] < 0.02
        assert gap[11] > 0.2


async def test_text_is_spoken_by_the_speech_service() -> None:
    """Voice, language and prosody are passed on; the curves last as long as the speech."""
    request = pb.AnimateFromTextRequest(
        input=speech_service_pb2.SynthesisInput(text="hey"),
        synthesis=speech_service_pb2.SynthesisOptions(
            voice="voices/x", language_code="en-GB", prosody=speech_service_pb2.Prosody(rate=2.0)
        ),
    )
    async with serving() as mesh:
        _, clip, _ = collect([response async for response in mesh.stub.AnimateFromText(request)])
        spoken = mesh.speech.spoken[0]

        assert clip.frame_count == 15
        assert (spoken.text, spoken.voice, spoken.language_code, spoken.rate) == ("hey", "voices/x", "en-GB", 2.0)
        assert spoken.pitch_semitones is None


async def test_a_document_and_a_style_reach_the_speech_service() -> None:
    """SSML takes the text's place, and style and range of pitch are passed on."""
    request = pb.AnimateFromTextRequest(
        input=speech_service_pb2.SynthesisInput(ssml="<speak>hey</speak>"),
        synthesis=speech_service_pb2.SynthesisOptions(style="joy", prosody=speech_service_pb2.Prosody(pitch_range=0.5)),
    )
    async with serving() as mesh:
        _, clip, _ = collect([response async for response in mesh.stub.AnimateFromText(request)])
        spoken = mesh.speech.spoken[0]

        assert clip.frame_count > 0
        assert (spoken.text, spoken.ssml, spoken.style, spoken.pitch_range) == ("", "<speak>hey</speak>", "joy", 0.5)


async def test_timing_without_phonemes_is_refused() -> None:
    """AnimateFromText with an empty timing names the field."""
    async with serving() as mesh:
        error = await failure(mesh.stub.AnimateFromText(pb.AnimateFromTextRequest(timing=curves_pb2.SpeechTiming())))

        assert "timing.phonemes" in error.fields


async def test_visemes_drive_a_mouth() -> None:
    """AnimateFromText with visemes alone opens in aa and closes in pp."""
    timing = curves_pb2.SpeechTiming()
    for name, start_s, end_s in (("aa", 0, 0.5), ("pp", 0.5, 0.7), ("aa", 0.7, 1.2)):
        timing.visemes.add(viseme=name, start_offset=wire.duration_of(start_s), end_offset=wire.duration_of(end_s))
    async with serving() as mesh:
        request = pb.AnimateFromTextRequest(timing=timing)
        _, clip, _ = collect([response async for response in mesh.stub.AnimateFromText(request)])
        open_share = 1 - clip.curves[:, CLOSE] / np.maximum(clip.curves[:, JAW], 0.02)

        assert clip.frame_count == 30
        assert clip.curves[8, JAW] > 0.4
        assert open_share[8] > 0.8
        assert open_share[15] < 0.15


@pytest.mark.parametrize(("schema", "channels"), [("arkit-68", 68), ("visemes-15", 15)])
async def test_curves_come_in_the_layout_asked_for(schema: str, channels: int) -> None:
    """Header and values are of that layout, and speech moves what is beyond ARKit's curves."""
    async with serving() as mesh:
        output = pb.CurveOutput(schema=f"curveSchemas/{schema}")
        requests = [config(output=output), *audio(sound(("hum", 1.0), ("buzz", 0.5)))]
        responses = [response async for response in mesh.stub.AnimateFromAudio(iter(requests))]
        rows = np.concatenate([np.reshape(r.block.values, (-1, channels)) for r in responses if r.HasField("block")])

        assert len(responses[0].header.channels) == channels
        assert responses[0].header.schema == f"curveSchemas/{schema}"
        assert rows[12, 52 + 9 if schema == "arkit-68" else 10] > 0.3


async def test_an_unknown_layout_is_refused() -> None:
    """The field and the known ones are named."""
    async with serving() as mesh:
        error = await failure(
            mesh.stub.AnimateFromAudio(iter([config(output=pb.CurveOutput(schema="curveSchemas/x"))]))
        )

        assert error.fields.keys() == {"config.output.schema"}
        assert "visemes-15" in error.metadata["limit"]


async def test_curve_schemas_are_listed() -> None:
    """There are three layouts; a page token that was never given out is refused."""
    async with serving() as mesh:
        listed = await mesh.stub.ListCurveSchemas(pb.ListCurveSchemasRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await mesh.stub.ListCurveSchemas(pb.ListCurveSchemasRequest(page_token="x"))

        assert [schema.name.removeprefix("curveSchemas/") for schema in listed.curve_schemas] == [
            "arkit-52",
            "arkit-68",
            "visemes-15",
        ]
        assert tuple(listed.curve_schemas[0].channels) == CURVE_NAMES
        assert listed.next_page_token == ""
        assert client_errors.from_rpc(caught.value).fields.keys() == {"page_token"}


def test_a_block_of_the_wire_is_a_block() -> None:
    """What the service sends is what `CurveReader` reads."""
    block = CurveBlock(3, np.full((2, 52), 0.5, np.float32), np.full((2, 6), 2.0, np.float32))
    reader = wire.CurveReader.of(wire.curve_header_message(Fraction(25)))

    back = reader.read(wire.curve_block_message(block))

    assert np.array_equal(back.curves, block.curves)
    assert back.poses is not None
    assert np.allclose(back.poses, 2.0)
