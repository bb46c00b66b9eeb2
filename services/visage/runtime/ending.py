"""The end of streams at shutdown: at once, wherever they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from visage.runtime import errors


class Ending:
    """Holds the time limits of running streams; `end` lets them all run out now."""

    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._is_over = False

    @contextmanager
    def watched(self, limit: asyncio.Timeout, is_stream: bool) -> Iterator[None]:
        """Keeps the limit of a call that runs inside; those that give one answer are left alone."""
        if is_stream:
            self._limits.add(limit)
        try:
            yield
        finally:
            self._limits.discard(limit)

    def end(self) -> None:
        """Ends all streams that are watched."""
        self._is_over = True
        now_s = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now_s)

    def cause(self, is_stream: bool) -> errors.VisageError | None:
        """Returns why a limit has run out, if it was not for the time."""
        return errors.Draining() if self._is_over and is_stream else None
