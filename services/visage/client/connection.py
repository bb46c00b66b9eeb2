"""Channels and calls: one place for timeouts and for the translation of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import grpc
import grpc.aio

from visage.client import errors
from visage.client.settings import ClientSettings

SERVICES: Final = ("identity", "speech", "animation", "composition")
CHUNK_BYTES: Final = 1 << 20
"""Most bytes of media in one message."""


class Connection:
    """Lazily opened channels to the four services."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._channels: dict[str, grpc.aio.Channel] = {}

    def channel(self, service: str) -> grpc.aio.Channel:
        """Returns the channel to a service, opened on first use."""
        if service not in self._channels:
            address = getattr(self.settings, f"{service}_address")
            self._channels[service] = grpc.aio.insecure_channel(address, options=[("grpc.keepalive_time_ms", 60_000)])
        return self._channels[service]

    async def close(self) -> None:
        """Closes every channel."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def unary(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        """Calls a unary method; raises the exceptions of `errors`."""
        try:
            return await method(request, timeout=self.settings.call_timeout_s)
        except grpc.aio.AioRpcError as error:
            raise errors.from_rpc(error) from error

    async def stream(self, call: Any) -> AsyncIterator[Any]:
        """Yields a call's responses; cancels it when the consumer stops early."""
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise errors.from_rpc(error) from error
        finally:
            call.cancel()
            with suppress(grpc.aio.AioRpcError):
                await call.code()
