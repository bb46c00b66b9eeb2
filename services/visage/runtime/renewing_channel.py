"""A channel whose certificate is renewed: Python's gRPC reads a client's certificate once, when it opens a channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Self

import grpc
import grpc.aio

from visage.runtime.tls import TlsContent, TlsFiles, TlsWatch

_CALLS_GRACE_S: Final = 3600.0
"""Calls that run on the channel before go on there."""

Opener = Callable[[TlsContent], grpc.aio.Channel]


class RenewingChannel(grpc.aio.Channel):  # type: ignore[misc]  # grpc ships no types
    """Opens another channel when the files are other ones at a call; stubs do not notice."""

    def __init__(self, files: TlsFiles, open_with: Opener) -> None:
        """Opens the first channel; raises TlsFileProblem."""
        self._watch = TlsWatch(files)
        self._open = open_with
        self._channel = open_with(self._watch.content)
        self._retiring: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def present(self) -> grpc.aio.Channel:
        """Returns the channel for a call that begins now."""
        if not self._is_closed and self._watch.renewed():
            former, self._channel = self._channel, self._open(self._watch.content)
            retiring = asyncio.ensure_future(former.close(_CALLS_GRACE_S))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        return self._channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Closes every channel that is open."""
        self._is_closed = True
        retiring = list(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """State of the present channel."""
        return self.present().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits on the present channel."""
        await self.present().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits until the present channel is connected."""
        await self.present().channel_ready()

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """See grpc.aio.Channel, as for the three below."""
        return _Method(self, "unary_unary", arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        """One request, many responses."""
        return _Method(self, "unary_stream", arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        """Many requests, one response."""
        return _Method(self, "stream_unary", arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        """Many of both."""
        return _Method(self, "stream_stream", arguments, options)


class _Method:
    """A method of whatever channel is present."""

    def __init__(self, owner: RenewingChannel, kind: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._owner = owner
        self._kind = kind
        self._arguments = arguments
        self._options = options
        self._made_by: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        channel = self._owner.present()
        if channel is not self._made_by:
            self._made_by = channel
            self._method = getattr(channel, self._kind)(*self._arguments, **self._options)
        return self._method(*arguments, **options)
