"""A client's messages, read ahead: to the end of its audio, whatever becomes of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

_AHEAD: Final = 2
_LONGEST_DRAIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _End:
    error: Exception | None = None


class RequestStream:
    """Messages up to end_of_audio: a client that goes on or never half-closes is not waited for."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests
        self._queue: asyncio.Queue[Any] = asyncio.Queue(_AHEAD)
        self._is_over = False

    async def pump(self) -> None:
        """Reads; nothing else reads the client's stream, so that it can be drained after any failure."""
        end = _End()
        try:
            async for request in self._requests:
                if request.WhichOneof("stream_part") == "end_of_audio":
                    break
                await self._queue.put(request)
        except Exception as error:
            end = _End(error)
        await self._queue.put(end)

    async def next(self) -> Any:
        """Returns the next message, or None at the end; raises what reading raised."""
        if self._is_over:
            return None
        item = await self._queue.get()
        if not isinstance(item, _End):
            return item
        self._is_over = True
        if item.error is not None:
            raise item.error
        return None

    async def drain(self) -> None:
        """Reads on to the end of the audio, for a minute at most.

        A call that ends while its client writes fails there with the write, and hides why.
        """
        with suppress(Exception):
            async with asyncio.timeout(_LONGEST_DRAIN_S):
                while await self.next() is not None:
                    pass


@asynccontextmanager
async def reading(requests: AsyncIterator[Any]) -> AsyncIterator[RequestStream]:
    """Reads ahead inside."""
    stream = RequestStream(requests)
    pumping = asyncio.create_task(stream.pump())
    try:
        yield stream
    finally:
        pumping.cancel()
        with suppress(asyncio.CancelledError):
            await pumping
