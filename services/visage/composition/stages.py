"""What the stages of one stream share: the time they work, how far sound is ahead of pictures, the time left."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from visage.composition.flow import Channel
from visage.composition.values import Part


class StageClock:
    """Adds up the seconds in which each stage has work in hand; what a stage does side by side counts once."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._running: defaultdict[str, int] = defaultdict(int)
        self._since_s: dict[str, float] = {}

    @contextmanager
    def busy(self, stage: str) -> Iterator[None]:
        """Counts the time inside for `stage`."""
        if not self._running[stage]:
            self._since_s[stage] = time.perf_counter()
        self._running[stage] += 1
        try:
            yield
        finally:
            self._running[stage] -= 1
            if not self._running[stage]:
                self._seconds[stage] += time.perf_counter() - self._since_s[stage]

    @property
    def seconds(self) -> dict[str, float]:
        """Stage → seconds so far."""
        return dict(self._seconds)


class Lead:
    """How many seconds of sound have come in for which pictures have not gone out."""

    def __init__(self) -> None:
        self.received_s = 0.0
        self.delivered_s = 0.0
        self._changed = asyncio.Event()

    def receive(self, seconds: float) -> None:
        """Counts sound that came in."""
        self.received_s += seconds
        self._change()

    def deliver_up_to(self, seconds: float) -> None:
        """Notes the end of the last frame that went out."""
        self.delivered_s = seconds
        self._change()

    async def wait_below(self, limit_s: float) -> None:
        """Returns once sound is less than `limit_s` ahead."""
        while self.received_s - self.delivered_s >= limit_s:
            await self._changed.wait()

    async def wait_for_quiet(self, patience_s: float) -> None:
        """Returns once no sound has come in for `patience_s` seconds."""
        received_s = -1.0
        while received_s != self.received_s:
            received_s = self.received_s
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    while received_s == self.received_s:
                        await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Deadline:
    """A point in time until which a call must be done."""

    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    def remaining_s(self, cap_s: float = float("inf")) -> float:
        """Seconds left, at most `cap_s`, at least a millisecond."""
        return max(0.001, min(self._end_s - time.monotonic(), cap_s))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One stream on its way.

    Attributes:
        outlet: Where parts go to the caller; waits while the caller does not read.
        clock: Counts each stage's time.
        lead: Holds the speech back.
        deadline: For all of it.
    """

    outlet: Channel[Part]
    clock: StageClock
    lead: Lead
    deadline: Deadline
