"""One measured figure for admission and for the autoscaler, proven over real gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.fakes.composition_mesh import collect
from tests.fakes.composition_mesh import serving as composition_serving
from tests.fakes.composition_requests import RAW, ramp, shown
from tests.fakes.meters import metered
from visage.client import errors as client_errors
from visage.runtime import errors, peers, server
from visage.runtime.settings import ServiceSettings
from visage.v1 import speech_service_pb2 as pb
from visage.v1 import speech_service_pb2_grpc

pytestmark = pytest.mark.service

TEXT = pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(text="hello"))


class HeldSpeech(speech_service_pb2_grpc.SpeechServiceServicer):
    """Answers once it is let go."""

    def __init__(self) -> None:
        self.hold = asyncio.Event()

    async def ListVoices(self, request: Any, context: Any) -> pb.ListVoicesResponse:
        return pb.ListVoicesResponse()

    async def SynthesizeSpeech(self, request: Any, context: Any) -> pb.SynthesizeSpeechResponse:
        await self.hold.wait()
        return pb.SynthesizeSpeechResponse(voice="voices/done")


@asynccontextmanager
async def serving(
    measure: Callable[[], Awaitable[float]] | None, **settings: Any
) -> AsyncIterator[tuple[server.RunningServer, HeldSpeech, Any, Any]]:
    """Serves speech whose capacity is what `measure` says; yields server, servicer, stub and health."""
    speech = HeldSpeech()

    async def ready() -> dict[str, bool]:
        return {}

    async def release() -> None:
        return None

    add = speech_service_pb2_grpc.add_SpeechServiceServicer_to_server
    own = server.Servicer(add, speech, "visage.v1.SpeechService", frozenset({"SynthesizeSpeech"}))
    parts = server.Parts("speech", [own], ready, release, measure)
    chosen = {"drain_wait_s": 0.0, "drain_grace_s": 1.0, "readiness_period_s": 0.05} | settings
    async with server.start(parts, ServiceSettings(**chosen)) as running:
        channel = peers.open_channel(running.address)
        try:
            stub = speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
            yield running, speech, stub, health_pb2_grpc.HealthStub(channel)
        finally:
            speech.hold.set()
            await channel.close()


async def until_serving(health: Any) -> None:
    async with asyncio.timeout(10):
        while (await health.Check(health_pb2.HealthCheckRequest())).status != server.SERVING:
            await asyncio.sleep(0.01)


async def refusal(call: Any) -> client_errors.VisageError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return client_errors.from_rpc(caught.value)


async def returns(streams: float) -> float:
    return streams


async def test_refusals_agree_with_the_exported_capacity() -> None:
    """With a measured capacity of 2.9, two streams run, the third is refused and counted, other calls pass."""
    with metered() as meters:
        async with serving(lambda: returns(2.9)) as (_, speech, stub, health):
            await until_serving(health)
            running = [stub.SynthesizeSpeech(TEXT) for _ in range(2)]
            async with asyncio.timeout(5):
                while meters.value("visage_active_streams") != 2:
                    await asyncio.sleep(0.01)
            error = await refusal(stub.SynthesizeSpeech(TEXT))
            await stub.ListVoices(pb.ListVoicesRequest())
            capacity = meters.value("visage_stream_capacity")
            speech.hold.set()
            answers = [(await call).voice for call in running]

            assert capacity == 2
            assert answers == ["voices/done"] * 2
            assert isinstance(error, client_errors.Busy) and (error.retry_after_s or 0) >= 1
            assert meters.value("visage_server_rejections_total", reason="streams") == 1
            assert meters.value("visage_active_streams") == 0


async def test_a_service_takes_no_calls_before_it_knows_its_capacity() -> None:
    """Until the measurement is done health is NOT_SERVING, and the capacity is measured once."""
    measured = 0
    release = asyncio.Event()

    async def measure() -> float:
        nonlocal measured
        measured += 1
        await release.wait()
        return 5.0

    async with serving(measure) as (running, _, _, health):
        await asyncio.sleep(0.2)
        before = (await health.Check(health_pb2.HealthCheckRequest())).status
        release.set()
        await until_serving(health)
        await asyncio.sleep(0.2)

        assert before == server.NOT_SERVING
        assert (measured, running.places.capacity) == (1, 5)


async def test_a_set_capacity_is_not_measured() -> None:
    """`stream_capacity` skips the measurement; the figure is the one that is set."""

    async def measure() -> float:
        raise AssertionError("measured all the same")

    async with serving(measure, stream_capacity=7) as (running, _, _, health):
        await until_serving(health)

        assert running.places.capacity == 7


@pytest.mark.parametrize(("measured", "expected"), [(0.3, 1), (1000.0, 16)])
async def test_a_capacity_is_within_one_stream_and_the_calls_that_fit(measured: float, expected: int) -> None:
    """However slow the machine, one stream is served; however fast, memory bounds the calls."""
    async with serving(lambda: returns(measured)) as (running, _, _, health):
        await until_serving(health)

        assert running.places.capacity == expected


async def test_a_measurement_has_an_end() -> None:
    """One that hangs leaves a service of one stream."""

    async def measure() -> float:
        await asyncio.sleep(3600)
        return 5.0

    async with serving(measure, calibration_s=0.05) as (running, _, _, health):
        await until_serving(health)

        assert running.places.capacity == 1


async def test_a_measurement_that_fails_is_made_again() -> None:
    """A model that goes away meanwhile leaves the service unready; the next look measures."""
    attempts = 0

    async def measure() -> float:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise errors.ModelUnavailable("renderer")
        return 3.0

    async with serving(measure) as (running, _, _, health):
        await until_serving(health)

        assert (attempts, running.places.capacity) == (2, 3)


async def test_a_streams_own_times_are_exported() -> None:
    """40 raw frames give one time to the first frame, 39 gaps, and seconds for each stage."""
    with metered() as meters:
        async with composition_serving() as mesh:
            async for _ in mesh.stub.GenerateAvatar(shown(ramp(40), RAW)):
                pass

            assert meters.value("visage_composition_time_to_first_frame_seconds_count") == 1
            assert meters.value("visage_composition_inter_frame_gap_seconds_count") == 39
            assert meters.value("visage_composition_stage_seconds_count", stage="render") == 1
            assert meters.value("visage_composition_stage_seconds_count", stage="encode") == 1
            assert meters.value("visage_composition_frames_total") == 40


@pytest.mark.parametrize("video", [None, RAW], ids=["mp4", "raw"])
async def test_speech_is_delivered_with_its_pictures(video: Any) -> None:
    """Each fragment or frame of spoken text counts once, and none is beyond what viewers tolerate."""
    request = shown(ramp(1), video)
    request.performance.speech.text = "One sentence of speech, and another one."
    series = "visage_composition_av_skew_seconds"
    with metered() as meters:
        async with composition_serving() as mesh:
            found = await collect(mesh.stub.GenerateAvatar(request))
            if video is None:
                parts = {part.sequence_number for part in found["fragment"]} - {0}
            else:
                parts = {part.frame_index for part in found["frame"]}

            assert len(parts) > 2
            assert meters.value(f"{series}_count") == len(parts)
            assert meters.value(f"{series}_bucket", ahead="sound", le="0.03") == len(parts)


async def test_a_fragments_gap_is_shared_by_its_frames() -> None:
    """An MP4 of 40 frames has a gap for each fragment behind the first."""
    with metered() as meters:
        async with composition_serving() as mesh:
            numbers = set()
            async for response in mesh.stub.GenerateAvatar(shown(ramp(40))):
                if response.WhichOneof("response") == "fragment" and response.fragment.sequence_number:
                    numbers.add(response.fragment.sequence_number)

            assert len(numbers) > 2
            assert meters.value("visage_composition_inter_frame_gap_seconds_count") == len(numbers) - 1
