"""Streams that are refused while much of them is still on its way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, NoReturn

import grpc
import pytest

from visage.client import AsyncVisage, ClientSettings
from visage.client import errors as client_errors
from visage.composition.peers import AnimationPeer
from visage.runtime import peers
from visage.runtime.errors import PeerUnavailable
from visage.v1 import animation_service_pb2_grpc

pytestmark = pytest.mark.service

CALLS = 60
"""Without keep_server_status, some of them end with INTERNAL."""
MUCH = bytes(900_000)


class Refusing(animation_service_pb2_grpc.AnimationServiceServicer):
    """Refuses every stream at its first message, from a thread of its own: the client is in the middle of a write."""

    def AnimateFromAudio(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> NoReturn:
        next(request_iterator)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this")


@pytest.fixture
def address() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    animation_service_pb2_grpc.add_AnimationServiceServicer_to_server(Refusing(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


async def test_the_client_is_told_what_the_service_refused(address: str) -> None:
    """Every call ends with the server's status, none with one that grpc.aio makes of a failed write."""
    told: list[str] = []
    async with AsyncVisage(ClientSettings(animation_address=address)) as visage:
        for _ in range(CALLS):
            with pytest.raises(client_errors.VisageError) as caught:
                await visage.animation.from_audio(MUCH)
            told.append(caught.value.message)

    assert told == ["not this"] * CALLS


async def test_a_service_is_told_what_its_peer_refused(address: str) -> None:
    """The same between two services."""
    told: list[str] = []
    channel = peers.open_channel(address)
    for _ in range(CALLS):
        with pytest.raises(PeerUnavailable) as caught:
            async with AnimationPeer(channel).animate(16_000, Fraction(25), None, False, 10.0) as stream:
                await stream.send(MUCH)
                async for _message in stream:
                    pass
        told.append(caught.value.message.rpartition(": ")[2])
    await channel.close()

    assert told == ["not this"] * CALLS
