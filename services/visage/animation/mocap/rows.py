"""What readers make of lines: runs of rows with their times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visage.animation.mocap.columns import COLUMN_COUNT

Array = NDArray[np.float32]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Consecutive rows of a recording.

    Attributes:
        times: [rows] seconds at which each starts, on the recording's own clock.
        values: [rows, columns] as `visage.animation.mocap.columns` orders them; NaN where nothing is told.
    """

    times: Times
    values: Array

    @classmethod
    def none(cls) -> Rows:
        """Returns no rows."""
        return cls(np.zeros(0), np.zeros((0, COLUMN_COUNT), np.float32))

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        """Returns the rows of all parts."""
        if not parts:
            return cls.none()
        return cls(np.concatenate([part.times for part in parts]), np.concatenate([part.values for part in parts]))

    def __len__(self) -> int:
        return len(self.times)


@dataclass(slots=True)
class Findings:
    """What was noticed while reading: names that mean nothing, and how many rows or values were at fault, by cause."""

    ignored: dict[str, None] = field(default_factory=dict)
    mended: Counter[str] = field(default_factory=Counter)

    def ignore(self, name: str) -> None:
        """Notes a name that means nothing, once; after a hundred nobody reads on."""
        if len(self.ignored) < 100:
            self.ignored.setdefault(name[:64])


class Reader(Protocol):
    """Reads one format."""

    @property
    def frame_rate(self) -> Fraction | None:
        """Rows per second, if the file says so."""

    @property
    def waiting(self) -> int:
        """Rows that have been read and whose times are not yet known."""

    def read(self, lines: list[str]) -> Rows:
        """Returns the rows that are known after these lines."""

    def finish(self) -> Rows:
        """Returns the rows that waited for the end."""
