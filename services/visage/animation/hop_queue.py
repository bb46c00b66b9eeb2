"""Hops on their way from the reader of a stream to its performer: bounded, in order; and how far the audio is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """A run of ticks whose mouth is being made.

    Attributes:
        begun: What `Mouth.begin` started.
        levels_db: [ticks + look-ahead] levels from its first tick on.
        changes: Tick within the hop → setting that holds from there on.
        sound: [ticks, 4] features of the voice, of `visage.animation.voice_features`; None where nobody listens.
    """

    begun: asyncio.Future[Any]
    levels_db: NDArray[np.float32]
    changes: Mapping[int, Controls]
    sound: NDArray[np.float32] | None = None


class HopQueue:
    """One writer, one reader; the writer waits while `limit` hops are unread."""

    def __init__(self, limit: int) -> None:
        """Takes the most hops under way."""
        self._limit = limit
        self._hops: deque[Hop] = deque()
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self._error: Exception | None = None
        self.duration = Fraction(0)
        self.is_ended = False

    @property
    def is_drained(self) -> bool:
        """Whether nothing more comes."""
        return self.is_ended and not self._hops

    async def put(self, hop: Hop) -> None:
        """Adds a hop once there is room."""
        self._hops.append(hop)
        self._news.set()
        while len(self._hops) >= self._limit:
            self._room.clear()
            await self._room.wait()

    def progress(self, duration: Fraction) -> None:
        """Tells how many seconds of audio have come."""
        self.duration = duration
        self._news.set()

    def finish(self, duration: Fraction) -> None:
        """Tells that no more comes, and how long the audio was."""
        self.duration = duration
        self.is_ended = True
        self._news.set()

    def fail(self, error: Exception) -> None:
        """Makes `next` raise once the hops before the error are taken."""
        self._error = error
        self._news.set()

    async def next(self) -> Hop | None:
        """Returns the next hop, or None for news without one: progress or the end."""
        await self._news.wait()
        if self._hops:
            hop = self._hops.popleft()
            self._room.set()
            return hop
        if self._error is not None:
            raise self._error
        if not self.is_ended:
            self._news.clear()
        return None

    def discard(self) -> None:
        """Cancels all that is under way."""
        for hop in self._hops:
            hop.begun.cancel()
        self._hops.clear()
