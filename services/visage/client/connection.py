"""Channels and calls: one place for timeouts, traces, patience and the translation of errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import grpc
import grpc.aio

from visage.client import errors, tracing
from visage.client.retries import Patience, is_repeatable, service_config
from visage.client.server_status import keep_server_status
from visage.client.settings import ClientSettings
from visage.client.tls import channel_credentials

SERVICES: Final = ("identity", "speech", "animation", "composition")
CHUNK_BYTES: Final = 1 << 20
"""Most bytes of media in one message."""


class Connection:
    """Lazily opened channels to the four services."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._was_answered = False

    def channel(self, service: str) -> grpc.aio.Channel:
        """Returns the channel to a service, opened on first use; raises ValueError for certificates of no use."""
        if service not in self._channels:
            address = getattr(self.settings, f"{service}_address")
            options = [
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.service_config", service_config()),
                # A service that is started again is there within seconds; gRPC's own pauses grow to two minutes.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
            ]
            credentials = channel_credentials(self.settings)
            self._channels[service] = (
                grpc.aio.insecure_channel(address, options=options)
                if credentials is None
                else grpc.aio.secure_channel(address, credentials, options=options)
            )
        return self._channels[service]

    async def close(self) -> None:
        """Closes every channel."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def unary(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        """Calls a unary method; raises the exceptions of `errors`.

        One that may be repeated is, while its service is away, for as long as the settings have patience.
        """
        patience = Patience(self.settings.patience_s if is_repeatable(request) else 0.0)
        while True:
            try:
                with tracing.span(type(request).__name__.removesuffix("Request")) as metadata:
                    return await self._once(method(request, timeout=self.settings.call_timeout_s, metadata=metadata))
            except errors.Unavailable as error:
                if not self.may_come_back(error):
                    raise
                await patience.wait(error)

    async def _once(self, call: Awaitable[Any]) -> Any:
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            raise errors.from_rpc(error) from error
        self._was_answered = True
        return answer

    def may_come_back(self, error: errors.Unavailable) -> bool:
        """Whether waiting may help: somebody gave this answer, or was there before. A wrong address is told at once."""
        return self._was_answered or bool(error.reason)

    async def upload(self, name: str, method: Callable[..., Awaitable[Any]], requests: AsyncIterator[Any]) -> Any:
        """Calls a method that takes a stream and gives one answer."""
        with tracing.span(name) as metadata:
            call = method(requests, timeout=self.settings.stream_timeout_s, metadata=metadata)
            return await self._once(keep_server_status(call))

    async def stream(
        self, name: str, method: Callable[..., Any], requests: Any, attempt: int = 0
    ) -> AsyncGenerator[Any, None]:
        """Yields a call's responses; cancels it when the consumer stops early.

        Args:
            name: Of the span around it.
            method: Of the stub.
            requests: One message, or an async iterator of them.
            attempt: How often it has been resumed.
        """
        with tracing.span(name, attempt) as metadata:
            call = method(requests, timeout=self.settings.stream_timeout_s, metadata=metadata)
            keep_server_status(call)
            try:
                async for response in call:
                    self._was_answered = True
                    yield response
            except grpc.aio.AioRpcError as error:
                raise errors.from_rpc(error) from error
            finally:
                call.cancel()
                with suppress(grpc.aio.AioRpcError):
                    await call.code()
