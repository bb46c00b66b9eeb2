"""How many streams a process carries: one figure, measured at start, for admission and for the autoscaler alike.

A *stream* is a call, or work that outlives its call, that takes a place of this capacity. Services say which of their
methods do (`Servicer.streams`) and how to measure (`Parts.measure_capacity`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from visage.runtime import telemetry

LIVE_FRAME_RATE: Final = 25.0
"""Frames per second of the live stream that capacities are stated in."""

_SHORTEST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 30.0
_SMOOTHING: Final = 0.2


class Places:
    """Places for streams; exported as `visage_active_streams` and `visage_stream_capacity`."""

    def __init__(self, capacity: int) -> None:
        self._taken = 0
        self._mean_s = _SHORTEST_WAIT_S
        meter = telemetry.meter()
        self._active = meter.create_up_down_counter(telemetry.ACTIVE_STREAMS)
        self._capacity_gauge = meter.create_gauge(telemetry.STREAM_CAPACITY)
        # A series that is not there is no zero: without it an idle pod would be left out of the mean.
        self._active.add(0)
        self._capacity = 0
        self.resize(capacity)

    @property
    def capacity(self) -> int:
        """Streams that have a place."""
        return self._capacity

    @property
    def taken(self) -> int:
        """Streams that run now."""
        return self._taken

    @property
    def is_full(self) -> bool:
        """Whether the next stream is one too many."""
        return self._taken >= self._capacity

    @property
    def expected_wait_s(self) -> float:
        """Seconds until a place is likely to be free: the mean length of a stream over the places, 1 to 30."""
        return min(max(self._mean_s / max(self._capacity, 1), _SHORTEST_WAIT_S), _LONGEST_WAIT_S)

    def resize(self, capacity: int) -> None:
        """Sets the number of places; streams that run keep theirs."""
        self._capacity = capacity
        self._capacity_gauge.set(capacity)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Takes a place, whether or not one is free: who may be refused asks `is_full` first."""
        self._taken += 1
        self._active.add(1)
        started_s = time.monotonic()
        try:
            yield
        finally:
            self._taken -= 1
            self._active.add(-1)
            self._mean_s += _SMOOTHING * (time.monotonic() - started_s - self._mean_s)


async def sustained_rate(work: Callable[[], Awaitable[object]], side_by_side: int, limit_s: float) -> float:
    """Returns how often per second `work` is done with `side_by_side` of them at a time.

    The first one warms up and does not count. What follows runs for `limit_s` seconds; work that takes longer than
    that is waited for once.
    """
    await work()
    started_s = time.monotonic()
    done = 0

    async def repeat() -> None:
        nonlocal done
        while not done or time.monotonic() - started_s < limit_s:
            await work()
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(side_by_side):
            group.create_task(repeat())
    return done / (time.monotonic() - started_s)
