"""Work that a service does now and then beside its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from visage.runtime import logs

_log = logs.get(__name__)


class Upkeep:
    """Repeats a piece of work until it is closed; what fails is logged and tried again after the same pause."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], period_s: float) -> None:
        """Prepares.

        Args:
            name: For the log.
            work: Done again and again, never twice at a time.
            period_s: Seconds between the end of one time and the start of the next.
        """
        self._name = name
        self._work = work
        self._period_s = period_s
        self._task: asyncio.Task[None] | None = None

    def start(self, after_s: float = 0.0) -> None:
        """Begins in `after_s` seconds, in the running event loop."""
        self._task = asyncio.create_task(self._run(after_s), name=f"upkeep-{self._name}")

    async def _run(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while True:
            try:
                await self._work()
            except Exception as error:
                _log.error("upkeep_broke", upkeep=self._name, exc_info=error)
            await asyncio.sleep(self._period_s)

    async def close(self) -> None:
        """Stops, in the middle of the work too."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
