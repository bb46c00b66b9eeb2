"""JSON lines: one object a line, with a time in seconds and curves by name, flat or under "blendShapes"."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np

from visage.animation.mocap.columns import COLUMN_COUNT, Column, column_of
from visage.animation.mocap.lines import FIELD
from visage.animation.mocap.rows import Findings, Rows
from visage.runtime.errors import InvalidField, MediaUndecodable

MOST_NAMES: Final = 1024
_TIMES: Final = frozenset({"time", "timecode", "timestamp", "t"})
_NESTED: Final = frozenset({"blendshapes"})


class JsonReader:
    """Reads objects; names may differ from line to line."""

    def __init__(self, findings: Findings, frame_rate: Fraction | None) -> None:
        """Takes where to note what is odd, and the rate of rows that tell no time."""
        self._rate = frame_rate
        self._tells_time = False
        self._findings = findings
        self._columns: dict[str, Column | None] = {}
        self._line = 0
        self._count = 0

    @property
    def frame_rate(self) -> Fraction | None:
        """The rate that was told, unless rows tell their times."""
        return None if self._tells_time else self._rate

    @property
    def waiting(self) -> int:
        """None wait."""
        return 0

    def read(self, lines: list[str]) -> Rows:
        """Returns the rows of these lines.

        Raises:
            MediaUndecodable: A line is no object.
            InvalidField: There are too many names.
        """
        times: list[float] = []
        table = np.full((len(lines), COLUMN_COUNT), np.nan, np.float32)
        for line in lines:
            self._line += 1
            if not line.strip():
                continue
            entry = self._object(line)
            time_s = self._fill(entry, table[len(times)])
            if time_s is None and self.frame_rate is not None:
                time_s = float(self._count / self.frame_rate)
            elif time_s is not None:
                self._tells_time = True
            self._count += 1
            if time_s is None:
                self._findings.mended["not_finite"] += 1
                table[len(times)] = np.nan
            else:
                times.append(time_s)
        return Rows(np.array(times, np.float64), table[: len(times)])

    def finish(self) -> Rows:
        """Returns nothing more."""
        return Rows.none()

    def _object(self, line: str) -> Mapping[str, Any]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise MediaUndecodable(FIELD, f"line {self._line} is no JSON") from None
        if not isinstance(entry, dict):
            raise MediaUndecodable(FIELD, f"line {self._line} is no JSON object")
        return entry

    def _fill(self, entry: Mapping[str, Any], row: np.ndarray) -> float | None:
        """Writes the values of an object into [columns] `row` and returns its time; None if it tells none."""
        time_s: float | None = None
        for name, value in entry.items():
            plain = name.lower()
            if plain in _NESTED and isinstance(value, dict):
                for nested, number in value.items():
                    self._put(nested, number, row)
            elif plain in _TIMES:
                seconds = _number(value)
                time_s = seconds if math.isfinite(seconds) else None
            else:
                self._put(name, value, row)
        return time_s

    def _put(self, name: str, value: Any, row: np.ndarray) -> None:
        if name not in self._columns:
            if len(self._columns) >= MOST_NAMES:
                raise InvalidField(FIELD, f"more than {MOST_NAMES} different names", MOST_NAMES)
            self._columns[name] = column_of(name)
        column = self._columns[name]
        if column is None:
            self._findings.ignore(name)
            return
        number = _number(value) * column.scale
        if abs(number) < 1e6:
            row[column.place] = number
        else:
            self._findings.mended["not_finite"] += 1


def _number(value: Any) -> float:
    """A number, NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
