"""`AsyncVisage` and `Visage`: the whole product behind one object."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Self, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from visage.client.animation import AnimationClient
from visage.client.assets import Assets
from visage.client.connection import SERVICES, Connection
from visage.client.generation import Generation
from visage.client.identities import Identities
from visage.client.renders import RendersClient
from visage.client.settings import ClientSettings
from visage.client.speech import SpeechClient
from visage.client.voices import Voices

T = TypeVar("T")


class AsyncVisage:
    """A customer of the mesh: `async with AsyncVisage() as visage: await visage.identities.create("me.jpg")`.

    Every method raises the exceptions of `visage.client.errors`.
    """

    def __init__(self, settings: ClientSettings | None = None) -> None:
        self._connection = Connection(settings or ClientSettings())
        self.assets = Assets(self._connection)
        self.identities = Identities(self._connection, self.assets)
        self.speech = SpeechClient(self._connection)
        self.voices = Voices(self._connection)
        self.animation = AnimationClient(self._connection)
        self.generation = Generation(self._connection, self.assets)
        self.renders = RendersClient(self._connection)

    async def status(self, timeout_s: float = 2.0) -> dict[str, str]:
        """Returns service → "serving", "not serving" or "unreachable"."""
        states = await asyncio.gather(*(self._state(service, timeout_s) for service in SERVICES))
        return dict(zip(SERVICES, states, strict=True))

    async def _state(self, service: str, timeout_s: float) -> str:
        stub = health_pb2_grpc.HealthStub(self._connection.channel(service))
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return "unreachable"
        serving = response.status == health_pb2.HealthCheckResponse.SERVING
        return "serving" if serving else "not serving"

    async def close(self) -> None:
        """Closes the channels."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Visage:
    """The same without `await`: methods block, async iterators become iterators.

    It runs its own event loop in a thread; use it as a context manager or call `close`.
    """

    def __init__(self, settings: ClientSettings | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="visage-client", daemon=True)
        self._thread.start()
        self._inner = self._run(_construct(settings))
        self.assets: Any = _Blocking(self, self._inner.assets)
        self.identities: Any = _Blocking(self, self._inner.identities)
        self.speech: Any = _Blocking(self, self._inner.speech)
        self.voices: Any = _Blocking(self, self._inner.voices)
        self.animation: Any = _Blocking(self, self._inner.animation)
        self.generation: Any = _Blocking(self, self._inner.generation)
        self.renders: Any = _Blocking(self, self._inner.renders)

    def status(self, timeout_s: float = 2.0) -> dict[str, str]:
        """Returns service → "serving", "not serving" or "unreachable"."""
        return self._run(self._inner.status(timeout_s))

    def close(self) -> None:
        """Closes the channels and ends the thread."""
        if self._thread.is_alive():
            self._run(self._inner.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        async def close() -> None:
            if hasattr(items, "aclose"):
                await items.aclose()

        async def step() -> tuple[bool, Any]:
            try:
                return True, await anext(items)
            except StopAsyncIteration:
                return False, None

        try:
            while True:
                more, item = self._run(step())
                if not more:
                    return
                yield item
        finally:
            self._run(close())


class _Blocking:
    """One part of `AsyncVisage` with blocking methods."""

    def __init__(self, owner: Visage, part: object) -> None:
        self._owner = owner
        self._part = part

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            outcome = method(*args, **kwargs)
            if asyncio.iscoroutine(outcome):
                return self._owner._run(outcome)
            if hasattr(outcome, "__anext__"):
                return self._owner._iterate(outcome)
            return outcome

        return call


async def _construct(settings: ClientSettings | None) -> AsyncVisage:
    """Channels belong to the loop in which they are made."""
    return AsyncVisage(settings)
