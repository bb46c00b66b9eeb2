"""Unary calls while replicas of a service come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from visage.client import AsyncVisage, ClientSettings, retries
from visage.client import errors as client_errors
from visage.runtime import peers, server
from visage.runtime.settings import ServiceSettings
from visage.v1 import speech_service_pb2 as pb
from visage.v1 import speech_service_pb2_grpc

pytestmark = pytest.mark.service

CALLS = 50


class CountingSpeech(speech_service_pb2_grpc.SpeechServiceServicer):
    """Takes a moment for each call."""

    def __init__(self) -> None:
        self.calls = 0

    async def SynthesizeSpeech(self, request: Any, context: Any) -> pb.SynthesizeSpeechResponse:
        self.calls += 1
        await asyncio.sleep(0.01)
        return pb.SynthesizeSpeechResponse(voice="voices/done", audio=b"sound")


@asynccontextmanager
async def replica(port: int = 0) -> AsyncIterator[tuple[server.RunningServer, CountingSpeech]]:
    speech = CountingSpeech()

    async def ready() -> dict[str, bool]:
        return {}

    async def release() -> None:
        return None

    add = speech_service_pb2_grpc.add_SpeechServiceServicer_to_server
    parts = server.Parts("speech", [server.Servicer(add, speech, "visage.v1.SpeechService")], ready, release)
    settings = ServiceSettings(port=port, drain_wait_s=0.0, drain_grace_s=2.0, readiness_period_s=0.05)
    async with server.start(parts, settings) as running:
        yield running, speech


async def test_a_rolling_update_fails_no_call() -> None:
    """Of fifty calls and more, while each of two replicas is replaced, none fails, by gRPC's retries alone."""
    async with replica() as (first, one), replica() as (second, two):
        addresses = [first.address, second.address]
        settings = ClientSettings(speech_address=f"ipv4:{','.join(addresses)}", patience_s=0.0)
        async with AsyncVisage(settings) as visage:
            done = 0

            async def call(is_enough: Callable[[], bool]) -> None:
                nonlocal done
                start = done
                while done - start < CALLS // 2 or not is_enough():
                    assert (await visage.speech.say("hello")).voice == "voices/done"
                    done += 1

            async def drain_under_calls(running: server.RunningServer, is_enough: Callable[[], bool]) -> None:
                start = done
                async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                    group.create_task(call(is_enough))
                    while done - start < CALLS // 10:
                        await asyncio.sleep(0.01)
                    await running.drain()

            await drain_under_calls(first, lambda: two.calls > 0)
            async with replica(int(addresses[0].split(":")[1])) as (_, again):
                await drain_under_calls(second, lambda: again.calls > 0)

                assert done >= CALLS
                assert one.calls and two.calls and again.calls


async def test_a_service_that_comes_back_is_waited_for() -> None:
    """With patience, a call that meets no replica succeeds once there is one."""
    async with replica() as (running, _):
        address = running.address
        settings = ClientSettings(speech_address=address, patience_s=20.0)
        async with AsyncVisage(settings) as visage:
            await visage.speech.say("hello")
            await running.drain()
            calling = asyncio.create_task(visage.speech.say("hello again"))
            await asyncio.sleep(0.5)
            async with replica(int(address.split(":")[1])) as (_, again):
                answer = await calling

                assert answer.voice == "voices/done"
                assert again.calls == 1


async def test_a_wrong_address_is_told_at_once() -> None:
    """Where nobody ever answered, patience would only hide the mistake."""
    settings = ClientSettings(speech_address="127.0.0.1:1", patience_s=3600.0)
    async with AsyncVisage(settings) as visage:
        with pytest.raises(client_errors.Unavailable):
            await visage.speech.say("hello")


def test_client_and_services_repeat_the_same_methods() -> None:
    """What services take for safe to repeat, the client does too."""
    for service, methods in peers.IDEMPOTENT.items():
        assert set(methods) <= set(retries.REPEATABLE[service])
