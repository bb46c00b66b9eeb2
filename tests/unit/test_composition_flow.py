"""Channels between stages, and streams of what a pipeline produces."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from visage.composition.flow import Channel, stream
from visage.runtime.errors import ResourceNotFound, VisageError

pytestmark = pytest.mark.unit


async def test_a_channel_keeps_order_and_ends() -> None:
    """What was put before the close comes out, then the end, again and again."""
    channel: Channel[int] = Channel(3)
    for item in range(3):
        await channel.put(item)
    channel.close()

    assert [item async for item in channel] == [0, 1, 2]
    assert [item async for item in channel] == []


async def test_a_full_channel_holds_its_writer() -> None:
    """With room for two, the third item waits until one is taken."""
    channel: Channel[int] = Channel(2)
    written: list[int] = []

    async def write() -> None:
        for item in range(4):
            await channel.put(item)
            written.append(item)

    task = asyncio.create_task(write())
    await asyncio.sleep(0.01)
    before = len(written)
    await anext(channel)
    await asyncio.sleep(0.01)
    task.cancel()

    assert (before, len(written)) == (2, 3)


async def test_a_stream_yields_what_is_produced() -> None:
    """Items come as they are put, to the end."""

    async def produce(outlet: Channel[int]) -> None:
        for item in range(5):
            await outlet.put(item)

    assert [item async for item in stream(produce)] == list(range(5))


async def test_a_producer_waits_for_its_reader() -> None:
    """Nobody reads, so no more than one item is made ahead."""
    made: list[int] = []

    async def produce(outlet: Channel[int]) -> None:
        for item in range(10):
            made.append(item)
            await outlet.put(item)

    async with aclosing(stream(produce)) as items:
        await anext(items)
        await asyncio.sleep(0.01)

        assert len(made) <= 3


async def test_leaving_a_stream_ends_its_producer() -> None:
    """The producer is cancelled and awaited before the close returns."""
    ended: list[str] = []

    async def produce(outlet: Channel[int]) -> None:
        try:
            await outlet.put(1)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("produce")

    async with aclosing(stream(produce)) as items:
        await anext(items)

    assert ended == ["produce"]


async def test_cancelling_a_waiting_reader_ends_the_producer() -> None:
    """A reader that is cancelled while it waits takes the producer with it."""
    ended = asyncio.Event()

    async def produce(outlet: Channel[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def read() -> None:
        async with aclosing(stream(produce)) as items:
            async for _ in items:
                pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended.is_set()


async def test_the_error_that_says_most_is_raised() -> None:
    """Of a nested group the error meant for callers counts, not the one that happens to be first."""

    async def fail(error: Exception) -> None:
        raise error

    async def produce(outlet: Channel[int]) -> None:
        await outlet.put(1)
        async with asyncio.TaskGroup() as outer:
            outer.create_task(fail(ValueError("a defect")))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(fail(ResourceNotFound("identity", "identities/x")))

    with pytest.raises(VisageError, match="identities/x"):
        assert [item async for item in stream(produce)] == [1]
