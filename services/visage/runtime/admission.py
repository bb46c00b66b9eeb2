"""Admission: how many calls run at a time, and the closed door during shutdown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from visage.runtime import errors, telemetry


class Admission:
    """Counts calls; refuses the one too many with a hint when to come back."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._running = 0
        self._draining = False
        self._rejections = telemetry.meter().create_counter(telemetry.ADMISSION_REJECTIONS)

    @property
    def running(self) -> int:
        """Calls that run now."""
        return self._running

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Holds one place; raises Overloaded or Draining where there is none."""
        if self._draining:
            raise errors.Draining()
        if self._running >= self._capacity:
            self._rejections.add(1)
            raise errors.Overloaded(f"{self._capacity} calls are running already", retry_after_s=1.0)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def close(self) -> None:
        """Admits nobody from now on."""
        self._draining = True
