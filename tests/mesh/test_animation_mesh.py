"""Animation with the real lip-sync network on a real Triton, and with the real speech service."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.fakes.audio2face_client import audio2face_client, requests_of
from visage.animation import __main__ as animation
from visage.animation.inference import LIP_SYNC
from visage.animation.settings import AnimationSettings
from visage.media.arkit import CURVE_INDEX
from visage.media.articulation import EXPANSION, lip_opening
from visage.media.curves import CurveClip
from visage.media.pcm import to_int16
from visage.runtime import peers, server, wire
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.speech import __main__ as speech
from visage.speech.settings import SpeechSettings
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, errors_pb2, media_pb2, speech_service_pb2
from visage.v1.animation_service_pb2_grpc import AnimationServiceStub
from visage.v1.speech_service_pb2_grpc import SpeechServiceStub

pytestmark = pytest.mark.mesh

MODEL_REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
CLOSE, JAW = CURVE_INDEX["MouthClose"], CURVE_INDEX["JawOpen"]
Request = pb.AnimateFromAudioRequest
QUICK: dict[str, Any] = {"port": 0, "drain_wait_s": 0.0, "drain_grace_s": 1.0, "readiness_period_s": 0.1}


@pytest.fixture(scope="module")
def lip_sync_server() -> Iterator[LocalTriton]:
    """A Triton with the lip-sync network alone."""
    settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)
    with LocalTriton(MODEL_REPOSITORY, models=["lip_sync"], settings=settings) as triton:
        yield triton


@asynccontextmanager
async def serving(triton: LocalTriton, speech_address: str = "127.0.0.1:9") -> AsyncIterator[Any]:
    """The animation service as its composition root makes it; yields (running server, stub)."""
    settings = AnimationSettings(triton_url=triton.grpc_url, speech_address=speech_address, **QUICK)
    async with server.start(await animation.build(settings), settings) as running:
        channel = peers.open_channel(running.address)
        try:
            yield running, AnimationServiceStub(channel)  # type: ignore[no-untyped-call]
        finally:
            await channel.close()


async def animate(stub: Any, *requests: Request) -> tuple[CurveClip, list[int]]:
    return collect([response async for response in stub.AnimateFromAudio(iter(requests))])


def collect(responses: list[Any]) -> tuple[CurveClip, list[int]]:
    reader = wire.CurveReader.of(responses[0].header)
    blocks = [reader.read(response.block) for response in responses if response.HasField("block")]
    notices = [response.notice.kind for response in responses if response.HasField("notice")]
    return CurveClip.joined(reader.frame_rate, blocks), notices


def pieces(data: bytes, size: int) -> list[Request]:
    return [Request(audio=data[start : start + size]) for start in range(0, len(data), size)]


def opening(clip: CurveClip) -> np.ndarray:
    """[frames] gap between the lips."""
    return np.asarray(lip_opening((clip.curves @ EXPANSION.T) / EXPANSION.sum(axis=1)))


async def test_the_served_network_is_the_declared_one(lip_sync_server: LocalTriton) -> None:
    """Names, types and shapes agree, and the service reports ready."""
    async with TritonClient(TritonClientSettings(url=lip_sync_server.grpc_url)) as client:
        await client.check([LIP_SYNC])
    async with serving(lip_sync_server) as (running, _), asyncio.timeout(20):
        while not running.readiness:
            await asyncio.sleep(0.05)

        assert running.readiness["lip_sync"]


async def test_a_person_speaks(lip_sync_server: LocalTriton, shared_fixtures: Path) -> None:
    """Human speech moves the mouth where it sounds and leaves it shut where it does not; the cut leaves no trace."""
    path = shared_fixtures / "speech" / "Claire_neutral.wav"
    samples, rate_hz = soundfile.read(path, dtype="float32")
    config = Request(config=Request.Config())
    async with serving(lip_sync_server) as (_, stub):
        clip, notices = await animate(stub, config, *pieces(path.read_bytes(), 65_536))
        again, _ = await animate(stub, config, *pieces(path.read_bytes(), 1_777))

    jaw = clip.curves[:, JAW]
    per_frame = rate_hz // 25
    frames = samples[: len(samples) // per_frame * per_frame].reshape(-1, per_frame)
    loud = np.sqrt(np.mean(frames**2, axis=1))
    loudest, quietest = np.argsort(loud)[-40:], np.argsort(loud)[:20]

    assert notices == []
    assert np.array_equal(clip.curves, again.curves)
    assert np.array_equal(clip.poses, again.poses)
    assert jaw[loudest].mean() > 0.2
    assert jaw[quietest].mean() < 0.3 * jaw[loudest].mean()


@pytest.mark.parametrize("level", [0.0, 0.1])
async def test_neither_silence_nor_noise_opens_the_mouth(lip_sync_server: LocalTriton, level: float) -> None:
    """Digital silence and, once it is recognised, white noise at -20 dB leave the jaw shut; silence is noticed."""
    noise = (np.random.default_rng(1).normal(size=48_000) * level).astype(np.float32)
    linear = media_pb2.AudioFormat(encoding=media_pb2.AUDIO_ENCODING_LINEAR16, sample_rate_hertz=16_000)
    async with serving(lip_sync_server) as (_, stub):
        config = Request(config=Request.Config(audio_format=linear))
        clip, notices = await animate(stub, config, *pieces(to_int16(noise).tobytes(), 6_400))

    assert clip.curves[12:, JAW].max() < 0.05
    assert notices == [errors_pb2.StreamNotice.KIND_AUDIO_SILENT]


@asynccontextmanager
async def speaking() -> AsyncIterator[tuple[str, Any]]:
    """The real speech service; yields its address and a stub."""
    settings = SpeechSettings(store_url="memory:///", stream_capacity=16, **QUICK)
    service = await speech.build_service(settings)
    async with server.start(service, settings) as running:
        channel = peers.open_channel(running.address)
        try:
            yield running.address, SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
        finally:
            await channel.close()


TEXT = "Maybe Bob bought my map, but people push more apples."


async def test_lips_meet_in_spoken_bilabials(lip_sync_server: LocalTriton) -> None:
    """Of the p, b and m of a synthesised sentence, all close the lips with timing, and three in four without."""
    async with speaking() as (address, voice), serving(lip_sync_server, address) as (_, stub):
        spoken = await voice.SynthesizeSpeech(
            speech_service_pb2.SynthesizeSpeechRequest(input=speech_service_pb2.SynthesisInput(text=TEXT))
        )
        heard, _ = await animate(stub, Request(config=Request.Config()), *pieces(spoken.audio, 65_536))
        request = pb.AnimateFromTextRequest(timing=spoken.timing)
        told, _ = collect([response async for response in stub.AnimateFromText(request)])

    assert closure(told, spoken.timing) == 1.0
    assert closure(heard, spoken.timing) >= 0.75


def closure(clip: CurveClip, timing: curves_pb2.SpeechTiming) -> float:
    """Share of p, b, m in which the lips come closer than a quarter of their opening in vowels."""
    gap = opening(clip)
    phones = [phone for phone in wire.phones_of(timing) if phone.end_s < clip.duration_s]
    vowels = [phone for phone in phones if phone.phone in {"aa", "ae", "eh", "ah", "ao", "ey", "ay"}]
    usual = np.median([gap[int((phone.start_s + phone.end_s) / 2 * 25)] for phone in vowels])
    bilabials = [phone for phone in phones if phone.phone in {"p", "b", "m"}]
    closest = [gap[int(phone.start_s * 25) : int(phone.end_s * 25) + 1].min() for phone in bilabials]
    assert len(bilabials) >= 10
    return float(np.mean(np.array(closest) < 0.25 * usual))


async def test_audio2face_clients_get_the_same_mouth(lip_sync_server: LocalTriton) -> None:
    """The composition root serves them, and the network's jaw at 30 frames a second is that of AnimateFromAudio."""
    output = pb.CurveOutput(frame_rate=media_pb2.FrameRate(numerator=30, denominator=1))
    async with speaking() as (_, voice), serving(lip_sync_server) as (running, stub):
        spoken = await voice.SynthesizeSpeech(
            speech_service_pb2.SynthesizeSpeechRequest(input=speech_service_pb2.SynthesisInput(text=TEXT))
        )
        samples, rate_hz = soundfile.read(io.BytesIO(spoken.audio), dtype="float32")
        ours, _ = await animate(stub, Request(config=Request.Config(output=output)), *pieces(spoken.audio, 65_536))
        async with audio2face_client(running.address) as client:
            theirs = await client.animate(requests_of(samples, rate_hz=rate_hz))

    assert theirs.statuses[-1][0] == 0
    assert theirs.channel("JawOpen") == pytest.approx(ours.curves[:, JAW], abs=1e-4)


async def test_text_is_animated_through_the_speech_service(lip_sync_server: LocalTriton) -> None:
    """AnimateFromText asks the speech service, and its curves last as long as the speech and close the lips."""
    async with speaking() as (address, _), serving(lip_sync_server, address) as (_, stub):
        request = pb.AnimateFromTextRequest(input=speech_service_pb2.SynthesisInput(text=TEXT))
        clip, notices = collect([response async for response in stub.AnimateFromText(request)])

    jaw, close = clip.curves[:, JAW], clip.curves[:, CLOSE]
    has_closed = (close > 0.85 * jaw) & (jaw > 0.05)

    assert 2 < clip.duration_s < 10
    assert notices == []
    assert np.count_nonzero(np.diff(has_closed.astype(int)) == 1) >= 5
    assert np.abs(clip.curves[-1]).max() == 0


async def test_an_absent_speech_service_is_unavailable(lip_sync_server: LocalTriton) -> None:
    """AnimateFromText with text ends with UNAVAILABLE and names the peer."""
    import grpc.aio

    from visage.client import errors as client_errors

    async with serving(lip_sync_server) as (_, stub):
        request = pb.AnimateFromTextRequest(input=speech_service_pb2.SynthesisInput(text="hello"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.AnimateFromText(request):
                pass

    error = client_errors.from_rpc(caught.value)
    assert isinstance(error, client_errors.Unavailable)
    assert error.metadata["peer"] == "speech"
