"""Admission: how many calls and streams run at a time, and the closed door during shutdown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from visage.runtime import errors, telemetry
from visage.runtime.capacity import Places


class Admission:
    """Counts calls; refuses the one too many with a hint when to come back.

    `most_calls` bounds memory, whatever the calls are; `places` bounds the work of streams.
    """

    def __init__(self, most_calls: int, places: Places) -> None:
        self._most_calls = most_calls
        self._places = places
        self._running = 0
        self._draining = False
        self._rejections = telemetry.meter().create_counter(telemetry.ADMISSION_REJECTIONS)

    @property
    def running(self) -> int:
        """Calls that run now."""
        return self._running

    @asynccontextmanager
    async def admit(self, is_stream: bool) -> AsyncIterator[None]:
        """Holds one place; raises Overloaded or Draining where there is none."""
        if self._draining:
            self._count("draining")
            raise errors.Draining()
        if self._running >= self._most_calls:
            self._count("calls")
            raise errors.Overloaded(f"{self._most_calls} calls are running already", retry_after_s=1.0)
        if is_stream and self._places.is_full:
            self._count("streams")
            raise errors.Overloaded(
                f"{self._places.capacity} streams are running already, which is what this machine carries",
                retry_after_s=self._places.expected_wait_s,
            )
        self._running += 1
        try:
            with ExitStack() as held:
                if is_stream:
                    held.enter_context(self._places.hold())
                yield
        finally:
            self._running -= 1

    def close(self) -> None:
        """Admits nobody from now on."""
        self._draining = True

    def _count(self, reason: str) -> None:
        self._rejections.add(1, {telemetry.ATTRIBUTE_REASON: reason})
