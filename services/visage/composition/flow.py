"""Stages that run side by side and hand things on through bounded channels.

A channel that is full stops the stage that fills it, so a slow reader at the end stalls the whole pipeline. A stage
that fails ends all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from visage.runtime.errors import VisageError, leaves_of
from visage.runtime.triton.errors import ModelError

T = TypeVar("T")

_END: Final = object()


class Channel(Generic[T]):
    """Hands items from one stage to the next; at most `capacity` of them wait."""

    def __init__(self, capacity: int = 1) -> None:
        self._room = asyncio.Semaphore(capacity)
        self._items: asyncio.Queue[T | object] = asyncio.Queue()

    async def put(self, item: T) -> None:
        """Hands an item on once there is room."""
        await self._room.acquire()
        self._items.put_nowait(item)

    def close(self) -> None:
        """Says that no item follows; the reader ends after those that wait."""
        self._items.put_nowait(_END)

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        item = await self._items.get()
        if item is _END:
            self.close()
            raise StopAsyncIteration
        self._room.release()
        return item  # type: ignore[return-value]  # everything but the end is a T


async def stream(produce: Callable[[Channel[T]], Awaitable[None]]) -> AsyncGenerator[T, None]:
    """Yields what `produce` puts into its channel, which holds one item.

    `produce` runs in a task of its own: it is cancelled and awaited when the reader goes away, wherever it waits, and
    what it raises is raised here, taken out of exception groups.
    """
    outlet: Channel[T] = Channel()

    async def work() -> None:
        try:
            await produce(outlet)
        finally:
            outlet.close()

    task = asyncio.ensure_future(work())
    try:
        async for item in outlet:
            yield item
        await task
    except BaseExceptionGroup as group:
        raise _cause(group) from group
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Returns the error in a group that says most: one that a caller may see, else the first."""
    leaves = leaves_of(group)
    return next((leaf for leaf in leaves if isinstance(leaf, VisageError | ModelError)), leaves[0])
