"""Chance without state: every number is a function of seed, name and index, so that nothing depends on call order.

A stream that is cut differently, or computed in other blocks, draws the same numbers. Source of the idea: Salmon et
al., "Parallel random numbers: as easy as 1, 2, 3", 2011; here the counter is hashed with BLAKE2b.
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Final

_UNIT: Final = 2.0**-64
_DRAWS: Final = struct.Struct("<8Q")
_COUNTER: Final = struct.Struct("<q")


class Dice:
    """Random numbers of one seed."""

    def __init__(self, seed: int) -> None:
        """Takes any signed 64-bit seed."""
        self.seed = seed
        self._key = _COUNTER.pack(seed)
        self._rows: dict[tuple[str, int], tuple[float, ...]] = {}

    def uniforms(self, name: str, index: int) -> tuple[float, ...]:
        """Returns eight numbers in [0, 1) that belong to event `index` of the stream `name` (at most 16 bytes)."""
        digest = hashlib.blake2b(_COUNTER.pack(index), key=self._key, person=name.encode()).digest()
        return tuple(word * _UNIT for word in _DRAWS.unpack(digest))

    def normals(self, name: str, index: int) -> tuple[float, ...]:
        """Returns four standard normal numbers of an event (Box & Muller 1958)."""
        draws = self.uniforms(name, index)
        pairs = [(math.sqrt(-2 * math.log(1 - draws[i])), 2 * math.pi * draws[i + 1]) for i in (0, 2)]
        return tuple(radius * wave(angle) for radius, angle in pairs for wave in (math.cos, math.sin))

    def noise(self, name: str, time_s: float, over_s: float) -> float:
        """Returns smooth noise in [-1, 1] that changes over about `over_s` seconds; acceleration is continuous.

        Values at whole multiples are random, between them runs a quintic (Perlin, "Improving noise", 2002).
        """
        before, after, blend = self._cells(time_s, over_s)
        low, high = self._row_at(name, before)[0], self._row_at(name, after)[0]
        return low + (high - low) * blend

    def noises(self, name: str, time_s: float, over_s: float, count: int) -> tuple[float, ...]:
        """Returns `count` independent noises (at most eight), as `noise` makes them."""
        before, after, blend = self._cells(time_s, over_s)
        low, high = self._row_at(name, before), self._row_at(name, after)
        return tuple(low[index] + (high[index] - low[index]) * blend for index in range(count))

    def _cells(self, time_s: float, over_s: float) -> tuple[int, int, float]:
        """Lattice points before and after a time, and the blend between them, 0..1."""
        position = time_s / over_s
        cell = math.floor(position)
        return cell, cell + 1, _quintic(position - cell)

    def _row_at(self, name: str, cell: int) -> tuple[float, ...]:
        """Eight values in [-1, 1] at a lattice point."""
        row = self._rows.get((name, cell))
        if row is None:
            row = tuple(2 * draw - 1 for draw in self.uniforms(name, cell))
            self._rows[name, cell] = row
            self._rows.pop((name, cell - 3), None)
        return row


class LoopDice(Dice):
    """Random numbers whose noise repeats after a while; draws of events are those of `Dice`."""

    def __init__(self, seed: int, period_s: float) -> None:
        """Takes the seed and the seconds after which noise repeats."""
        super().__init__(seed)
        self._period_s = period_s

    def _cells(self, time_s: float, over_s: float) -> tuple[int, int, float]:
        """As many lattice points as fit the period best, in a ring."""
        count = max(2, round(self._period_s / over_s))
        position = time_s / self._period_s * count
        cell = math.floor(position)
        return cell % count, (cell + 1) % count, _quintic(position - cell)


def _quintic(share: float) -> float:
    return share * share * share * (share * (share * 6 - 15) + 10)
