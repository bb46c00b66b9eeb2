"""The composition service over real gRPC, between fake peers and before a fake renderer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest
from google.longrunning import operations_pb2_grpc

from tests.fakes.composition_peers import FakeAnimation, FakeIdentity, FakeRenderer, FakeSpeech
from visage.client import errors as client_errors
from visage.composition.__main__ import build_on
from visage.composition.settings import CompositionSettings
from visage.runtime import peers, server
from visage.runtime.settings import ServiceSettings
from visage.v1 import (
    animation_service_pb2_grpc,
    asset_service_pb2_grpc,
    composition_service_pb2_grpc,
    identity_service_pb2_grpc,
    render_service_pb2_grpc,
    speech_service_pb2_grpc,
)

QUICK = {"drain_wait_s": 0.0, "drain_grace_s": 0.2, "readiness_period_s": 0.05}


@dataclass
class Mesh:
    """What a test holds of it."""

    identity: FakeIdentity = field(default_factory=FakeIdentity)
    speech: FakeSpeech = field(default_factory=FakeSpeech)
    animation: FakeAnimation = field(default_factory=FakeAnimation)
    renderer: FakeRenderer = field(default_factory=FakeRenderer)
    stub: Any = None
    assets: Any = None
    renders: Any = None
    operations: Any = None
    running: server.RunningServer | None = None

    async def settled(self) -> None:
        """Returns once nothing runs any more in any service; fails after two seconds."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + 2.0
        while self.is_busy and loop.time() < end_s:
            await asyncio.sleep(0.005)
        assert not self.is_busy, (self.running_peer_calls, self.running_calls, self.renderer.open_sessions)

    @property
    def is_busy(self) -> bool:
        return bool(
            self.running_peer_calls or self.renderer.running or self.renderer.open_sessions or self.running_calls
        )

    @property
    def running_peer_calls(self) -> int:
        return sum(peer.log.running for peer in (self.identity, self.speech, self.animation))

    @property
    def running_calls(self) -> int:
        return self.running.running_calls if self.running is not None else 0


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Mesh]:
    """Starts everything on free loopback ports; at the end no task of a call may be left."""
    mesh = Mesh()
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        add_identity = identity_service_pb2_grpc.add_IdentityServiceServicer_to_server
        add_speech = speech_service_pb2_grpc.add_SpeechServiceServicer_to_server
        add_animation = animation_service_pb2_grpc.add_AnimationServiceServicer_to_server
        addresses = {
            "identity_address": await _serve(stack, "identity", add_identity, mesh.identity),
            "speech_address": await _serve(stack, "speech", add_speech, mesh.speech),
            "animation_address": await _serve(stack, "animation", add_animation, mesh.animation),
        }
        own = CompositionSettings(**{"port": 0, "store_url": "memory:///", **QUICK, **addresses, **settings})
        mesh.running = await stack.enter_async_context(server.start(build_on(mesh.renderer, own), own))
        channel = peers.open_channel(mesh.running.address)
        stack.push_async_callback(channel.close)
        mesh.stub = composition_service_pb2_grpc.CompositionServiceStub(channel)
        mesh.renders = render_service_pb2_grpc.RenderServiceStub(channel)
        mesh.operations = operations_pb2_grpc.OperationsStub(channel)
        mesh.assets = asset_service_pb2_grpc.AssetServiceStub(channel)
        yield mesh
        await mesh.settled()
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if "visage/composition" in str(task.get_coro())]
    assert not left, left


async def _serve(stack: AsyncExitStack, name: str, add: Callable[[Any, Any], None], servicer: object) -> str:
    full_name = f"visage.v1.{name.capitalize()}Service"

    async def ready() -> dict[str, bool]:
        return {}

    async def release() -> None:
        return None

    parts = server.Parts(name, [server.Servicer(add, servicer, full_name)], ready, release)
    running = await stack.enter_async_context(server.start(parts, ServiceSettings(**QUICK)))
    return running.address


@dataclass(frozen=True)
class Failure:
    """How a call failed: the status code's name and the client's view of the details."""

    code: str
    reason: str
    fields: dict[str, str]
    metadata: dict[str, str]
    retry_after_s: float | None


async def failure(call: Any) -> Failure:
    """Reads a stream that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    shown = client_errors.from_rpc(caught.value)
    return Failure(caught.value.code().name, shown.reason, shown.fields, shown.metadata, shown.retry_after_s)


async def collect(call: Any) -> dict[str, list[Any]]:
    """Reads a stream to its end; returns its messages by kind, and the order of kinds under ""."""
    found: dict[str, list[Any]] = {"": []}
    async for response in call:
        kind = response.WhichOneof("response")
        found[""].append(kind)
        found.setdefault(kind, []).append(getattr(response, kind))
    return found
