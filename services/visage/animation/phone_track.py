"""What is said in each frame: shares of phone classes, from the motor clock to the frame rate wanted."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.ticks import TICK_RATE_HZ
from visage.media.phones import PHONE_COUNT

Array = NDArray[np.float32]

_KEPT_TICKS: Final = 4 * TICK_RATE_HZ


class PhoneTrack:
    """Collects ticks and gives out frames: the mean of what sounds in a frame's interval and in the tick before it.

    Ticks of a frame must have come before it is asked for; frames are asked for in ascending order.
    """

    def __init__(self, frame_rate: Fraction) -> None:
        """Starts before the first tick."""
        self._rate = frame_rate
        self._rows = np.zeros((0, PHONE_COUNT), np.float32)
        self._first_tick = 0
        self._is_known = True

    def push(self, phones: Array | None) -> None:
        """Adds [ticks, 43] shares; None where they are not known, which holds for the whole stream then."""
        if phones is None:
            self._is_known = False
        elif self._is_known:
            self._rows = np.concatenate([self._rows, phones.astype(np.float32)])

    def frames(self, start: int, count: int) -> Array | None:
        """Returns [count, 43] shares of frames `start` and on; None where they are not known."""
        if not self._is_known:
            return None
        shares = np.zeros((count, PHONE_COUNT), np.float32)
        for row in range(count):
            first, stop = (math.floor(Fraction(start + row + edge) / self._rate * TICK_RATE_HZ) for edge in (0, 1))
            ticks = self._rows[max(first - 1 - self._first_tick, 0) : max(stop, first + 1) - self._first_tick]
            if len(ticks):
                shares[row] = ticks.mean(axis=0)
        self._forget(math.floor(Fraction(start + count) / self._rate * TICK_RATE_HZ) - 1)
        return shares

    def _forget(self, tick: int) -> None:
        """Drops what no later frame looks at, now and then."""
        if tick - self._first_tick > _KEPT_TICKS:
            self._rows = self._rows[tick - self._first_tick :]
            self._first_tick = tick
