"""What the bootstrap does around every call, proven over real gRPC with a speech servicer of the test's own."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.fakes.meters import metered
from visage.client import errors as client_errors
from visage.runtime import errors, peers, server, telemetry
from visage.runtime.settings import ServiceSettings
from visage.runtime.triton.errors import ModelOverloaded, ModelRejectedInput, ModelUnavailable
from visage.v1 import speech_service_pb2 as pb
from visage.v1 import speech_service_pb2_grpc

pytestmark = pytest.mark.service


class ScriptedSpeech(speech_service_pb2_grpc.SpeechServiceServicer):
    """Does what a test tells it; notes whether streams were cleaned up."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.hold = asyncio.Event()
        self.entered = asyncio.Event()
        self.cleaned = asyncio.Event()

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Any) -> pb.ListVoicesResponse:
        if self.error is not None:
            raise self.error
        return pb.ListVoicesResponse()

    async def SynthesizeSpeech(self, request: Any, context: Any) -> pb.SynthesizeSpeechResponse:
        self.entered.set()
        await self.hold.wait()
        return pb.SynthesizeSpeechResponse(voice="voices/done")

    async def StreamSynthesizeSpeech(
        self, requests: AsyncIterator[pb.StreamSynthesizeSpeechRequest], context: Any
    ) -> AsyncIterator[pb.StreamSynthesizeSpeechResponse]:
        try:
            async for _ in requests:
                yield pb.StreamSynthesizeSpeechResponse(header=pb.StreamSynthesizeSpeechResponse.Header(voice="v"))
                self.entered.set()
                await self.hold.wait()
        finally:
            self.cleaned.set()


class Mesh:
    """One running server with its servicer and a stub."""

    def __init__(self, running: server.RunningServer, speech: ScriptedSpeech, channel: grpc.aio.Channel) -> None:
        self.running = running
        self.speech = speech
        self.channel = channel
        self.stub = speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def serving(readiness: dict[str, bool] | None = None, **settings: Any) -> AsyncIterator[Mesh]:
    """Serves a `ScriptedSpeech` on a free loopback port."""
    speech = ScriptedSpeech()
    states = {"model": True} if readiness is None else readiness

    async def ready() -> Mapping[str, bool]:
        return dict(states)

    async def release() -> None:
        return None

    name = "visage.v1.SpeechService"
    add = speech_service_pb2_grpc.add_SpeechServiceServicer_to_server
    parts = server.Parts("speech", [server.Servicer(add, speech, name)], ready, release)
    chosen = {"drain_wait_s": 0.0, "drain_grace_s": 1.0, "readiness_period_s": 0.05} | settings
    async with server.start(parts, ServiceSettings(**chosen)) as running:
        channel = peers.open_channel(running.address)
        try:
            yield Mesh(running, speech, channel)
        finally:
            speech.hold.set()
            await channel.close()


async def failure(call: Any) -> client_errors.VisageError:
    """Awaits a call that must fail and returns the client's view of the error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return client_errors.from_rpc(caught.value)


TEXT = pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(text="hello"))


async def test_every_broken_rule_is_named() -> None:
    """A request that breaks two rules is refused with both fields before the servicer sees it."""
    async with serving() as mesh:
        request = pb.SynthesizeSpeechRequest(
            input=pb.SynthesisInput(text="x" * 20_000),
            options=pb.SynthesisOptions(prosody=pb.Prosody(rate=9.0)),
        )
        error = await failure(mesh.stub.SynthesizeSpeech(request))

        assert isinstance(error, client_errors.InvalidRequest)
        assert set(error.fields) == {"input.text", "options.prosody.rate"}
        assert "10000" in error.fields["input.text"]
        assert not mesh.speech.entered.is_set()


async def test_a_calls_status_is_counted_by_its_name() -> None:
    """OK, what the service answers, CANCELLED and DEADLINE_EXCEEDED are counted as callers see them."""
    with metered() as meters:
        async with serving() as mesh:
            await mesh.stub.ListVoices(pb.ListVoicesRequest())
            mesh.speech.error = errors.ResourceNotFound("voice", "voices/nobody")
            await failure(mesh.stub.ListVoices(pb.ListVoicesRequest()))
            mesh.speech.error = RuntimeError("defect")
            await failure(mesh.stub.ListVoices(pb.ListVoicesRequest()))
            await failure(mesh.stub.SynthesizeSpeech(TEXT, timeout=0.2))
            mesh.speech.entered.clear()
            call = mesh.stub.SynthesizeSpeech(TEXT)
            await asyncio.wait_for(mesh.speech.entered.wait(), 5)
            call.cancel()
            async with asyncio.timeout(5):
                while mesh.running.running_calls:
                    await asyncio.sleep(0.01)
            names = ("OK", "NOT_FOUND", "INTERNAL", "DEADLINE_EXCEEDED", "CANCELLED")
            series = "rpc_server_call_duration_seconds_count"
            counts = {name: meters.value(series, rpc_response_status_code=name) for name in names}

            assert counts == dict.fromkeys(names, 1.0)
            assert meters.value(series) == len(names)


async def test_stream_messages_are_validated() -> None:
    """The second message of a stream is checked like the first, and the handler is cleaned up."""
    async with serving() as mesh:
        mesh.speech.hold.set()
        call = mesh.stub.StreamSynthesizeSpeech()
        await call.write(pb.StreamSynthesizeSpeechRequest(text="fine"))
        await call.read()
        await call.write(pb.StreamSynthesizeSpeechRequest())
        error = await failure(call.read())

        assert isinstance(error, client_errors.InvalidRequest)
        await asyncio.wait_for(mesh.speech.cleaned.wait(), 5)


async def test_defect_shows_nothing_of_itself() -> None:
    """An unexpected exception becomes INTERNAL with a request id and without its text."""
    async with serving() as mesh:
        mesh.speech.error = RuntimeError("secret path")
        error = await failure(mesh.stub.ListVoices(pb.ListVoicesRequest()))

        assert isinstance(error, client_errors.Failed)
        assert error.reason == "INTERNAL"
        assert "secret" not in error.message
        assert error.request_id


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ModelUnavailable("renderer", "gone", 2.0), client_errors.Unavailable),
        (ModelOverloaded("renderer", "queue full"), client_errors.Busy),
        (ModelRejectedInput("renderer", "shape"), client_errors.Failed),
        (ExceptionGroup("stages", [errors.FaceNotUsable("no_face", "none")]), client_errors.NotUsable),
    ],
)
async def test_errors_of_the_lower_floors_are_translated(
    raised: BaseException, expected: type[client_errors.VisageError]
) -> None:
    """Triton's errors and errors inside a task group arrive as what they are for the caller."""
    async with serving() as mesh:
        mesh.speech.error = raised
        error = await failure(mesh.stub.ListVoices(pb.ListVoicesRequest()))

        assert type(error) is expected
        if expected in (client_errors.Unavailable, client_errors.Busy):
            assert error.retry_after_s is not None


async def test_cancel_reaches_the_handler() -> None:
    """A client that goes away in the middle of a stream ends its handler, and no call stays counted."""
    async with serving() as mesh:
        call = mesh.stub.StreamSynthesizeSpeech()
        await call.write(pb.StreamSynthesizeSpeechRequest(text="a"))
        await call.read()
        call.cancel()
        await asyncio.wait_for(mesh.speech.cleaned.wait(), 5)
        await asyncio.sleep(0)

        assert mesh.running.running_calls == 0


async def test_silent_client_is_let_go() -> None:
    """A stream on which nothing comes ends with ABORTED after the idle limit."""
    async with serving(idle_stream_s=0.2) as mesh:
        error = await failure(mesh.stub.StreamSynthesizeSpeech().read())

        assert error.reason == "CLIENT_STALLED"


async def test_call_without_deadline_gets_one() -> None:
    """The server's own limit ends a call whose client set none."""
    async with serving(default_deadline_s=0.2) as mesh:
        error = await failure(mesh.stub.SynthesizeSpeech(TEXT))

        assert isinstance(error, client_errors.TimedOut)
        assert error.reason == "DEADLINE"


async def test_one_call_too_many_is_told_when_to_come_back() -> None:
    """Over capacity, calls get RESOURCE_EXHAUSTED with RetryInfo, while health checks pass."""
    async with serving(max_concurrent_calls=1) as mesh:
        first = mesh.stub.SynthesizeSpeech(TEXT)
        await asyncio.wait_for(mesh.speech.entered.wait(), 5)
        error = await failure(mesh.stub.ListVoices(pb.ListVoicesRequest()))
        health = health_pb2_grpc.HealthStub(mesh.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        mesh.speech.hold.set()

        assert isinstance(error, client_errors.Busy)
        assert error.retry_after_s == 1.0
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert (await first).voice == "voices/done"


async def test_health_follows_the_models() -> None:
    """The health status turns to NOT_SERVING when a model goes away and back when it returns."""
    states = {"renderer": False}
    async with serving(readiness=states) as mesh:
        health = health_pb2_grpc.HealthStub(mesh.channel)
        seen = []
        async with asyncio.timeout(10):
            async for answer in health.Watch(health_pb2.HealthCheckRequest(service="visage.v1.SpeechService")):
                seen.append(answer.status)
                states["renderer"] = True
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break

        assert seen[0] == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_reflection_lists_the_services() -> None:
    """Reflection, as grpcurl uses it, names our service and health."""
    async with serving() as mesh:
        stub = reflection_pb2_grpc.ServerReflectionStub(mesh.channel)
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
        names = {service.name for service in answer.list_services_response.service}

        assert {"visage.v1.SpeechService", "grpc.health.v1.Health"} <= names


async def test_drain_lets_running_calls_finish() -> None:
    """At shutdown a running call ends well, and a new one is not admitted."""
    async with serving(drain_grace_s=10.0) as mesh:
        running = mesh.stub.SynthesizeSpeech(TEXT)
        await asyncio.wait_for(mesh.speech.entered.wait(), 5)
        draining = asyncio.create_task(mesh.running.drain())
        await asyncio.sleep(0.1)
        error = await failure(mesh.stub.SynthesizeSpeech(TEXT, timeout=5))
        mesh.speech.hold.set()

        assert (await running).voice == "voices/done"
        assert isinstance(error, client_errors.Unavailable)
        await draining


async def test_call_durations_are_exported_to_prometheus() -> None:
    """With a metrics port, the duration of calls appears under its standard name."""
    exporters = telemetry.configure("speech", "", 0)
    try:
        async with serving() as mesh:
            await mesh.stub.ListVoices(pb.ListVoicesRequest())
            url = f"http://127.0.0.1:{exporters.metrics_port}/metrics"
            text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read().decode())

        assert "rpc_server_call_duration_seconds_bucket" in text
        assert "visage.v1.SpeechService/ListVoices" in text
    finally:
        exporters.close()


async def test_liveness_does_not_depend_on_models() -> None:
    """While a model is missing the process is alive all the same: what a liveness probe asks stays SERVING."""
    async with serving({"model": False}) as mesh:
        health = health_pb2_grpc.HealthStub(mesh.channel)
        ready = await health.Check(health_pb2.HealthCheckRequest())
        alive = await health.Check(health_pb2.HealthCheckRequest(service=server.LIVE))

        assert ready.status == server.NOT_SERVING
        assert alive.status == server.SERVING


def test_own_setting_wins_over_the_shared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`VISAGE_IDENTITY_LOG_LEVEL` overrides `VISAGE_LOG_LEVEL`, which serves everybody else."""
    from visage.runtime.settings import settings_config

    class Own(ServiceSettings):
        model_config = settings_config("VISAGE_IDENTITY_")

    monkeypatch.setenv("VISAGE_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("VISAGE_TRITON_URL", "triton:9001")
    monkeypatch.setenv("VISAGE_IDENTITY_LOG_LEVEL", "DEBUG")

    assert (Own().log_level, Own().triton_url) == ("DEBUG", "triton:9001")
    assert ServiceSettings().log_level == "ERROR"
