"""CSV: Live Link Face's, Audio2Face's and our own."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.mocap.columns import COLUMN_COUNT, read_columns
from visage.animation.mocap.lines import FIELD
from visage.animation.mocap.rows import Findings, Rows, Times
from visage.animation.mocap.time_codes import DAY_S, CodeClock, has_second_ended, is_midnight, parse_code
from visage.runtime.errors import InvalidField, MediaUndecodable

MOST_COLUMNS: Final = 1024
_TIMES: Final = ("timecode", "time", "timestamp")
# Rows whose time codes are waited for until a second ends: longer than any second.
_MOST_WAITING: Final = 1000


class CsvReader:
    """Reads rows by the names in the header."""

    frame_rate: Fraction | None

    def __init__(
        self, header: str, findings: Findings, frame_rate: Fraction | None, is_live_link: bool | None, *, is_live: bool
    ) -> None:
        """Reads the header.

        Args:
            header: First line.
            findings: Where to note what is odd.
            frame_rate: Of time codes, or of rows without any time; None where the file must show it.
            is_live_link: Announced as Live Link's or as the others'; None where the header must show it.
            is_live: Time codes are read as soon as a second has ended, instead of when all are known.

        Raises:
            InvalidField: Too many columns, or none that is known.
            MediaUndecodable: There is no time.
        """
        self._delimiter = max(",;\t", key=header.count)
        names = next(csv.reader([header], delimiter=self._delimiter))
        if len(names) > MOST_COLUMNS:
            raise InvalidField(FIELD, f"{len(names)} columns, at most {MOST_COLUMNS} are read", MOST_COLUMNS)
        plain = [name.strip().lower() for name in names]
        self._time = next((plain.index(name) for name in _TIMES if name in plain), None)
        self.is_live_link = "blendshapecount" in plain if is_live_link is None else is_live_link
        columns = read_columns(names, [] if self._time is None else [self._time], is_live_link=self.is_live_link)
        if not columns.sources:
            raise MediaUndecodable(FIELD, "the first line names no known curve, head or eye rotation")
        if self._time is None and frame_rate is None:
            raise MediaUndecodable(
                FIELD, "no column is named Timecode or Time, and config.source_frame_rate is not set"
            )
        for name in columns.ignored:
            findings.ignore(name)
        self._sources = columns.sources
        self._places = np.array([column.place for column in columns.targets], np.intp)
        self._scales = np.array([column.scale for column in columns.targets], np.float64)
        self._findings = findings
        self.frame_rate = frame_rate
        self._is_live = is_live
        self._line = 1
        self._count = 0
        self._has_codes: bool | None = None
        self._is_marked = False
        self._clock: CodeClock | None = None
        self._waiting: list[tuple[tuple[float, float], NDArray[np.float64]]] = []
        self._last_code = np.zeros(2)
        self._days = 0

    @property
    def waiting(self) -> int:
        """Rows whose time codes wait for more."""
        return len(self._waiting)

    def read(self, lines: list[str]) -> Rows:
        """Returns the rows whose times are known after these lines.

        Raises:
            MediaUndecodable: The first row's time is neither seconds nor a time code.
            InvalidField: Time codes contradict the frame rate.
        """
        times: list[float] = []
        values: list[Sequence[float]] = []
        for line in lines:
            self._line += 1
            if not line.strip():
                continue
            cells = next(csv.reader([line], delimiter=self._delimiter), [])
            time = self._time_of(cells)
            if time is None:
                self._findings.mended["not_finite"] += 1
            elif isinstance(time, tuple):
                self._waiting.append((time, np.array(self._numbers(cells), np.float64)))
            else:
                times.append(time)
                values.append(self._numbers(cells))
        if self._waiting and self._is_live and (self._clock is not None or self._is_clear()):
            return self._told()
        return self._rows(np.array(times, np.float64), values)

    def finish(self) -> Rows:
        """Returns the rows whose time codes waited for the end."""
        return self._told() if self._waiting else Rows.none()

    def _time_of(self, cells: list[str]) -> float | tuple[float, float] | None:
        """Seconds, a code, or None where a row has neither."""
        if self._time is None:
            assert self.frame_rate is not None
            self._count += 1
            return float((self._count - 1) / self.frame_rate)
        text = cells[self._time].strip() if self._time < len(cells) else ""
        code = parse_code(text)
        number = _number(text, self._delimiter)
        if self._has_codes is None:
            if code is None and not math.isfinite(number):
                raise MediaUndecodable(FIELD, f"line {self._line}: {text[:40]!r} is neither seconds nor HH:MM:SS:FF")
            self._has_codes = code is not None
            # Seconds tell their own rate.
            self.frame_rate = self.frame_rate if self._has_codes else None
        if not self._has_codes:
            return number if math.isfinite(number) else None
        if code is None:
            return None
        label_s, frames, is_marked = code
        self._is_marked |= is_marked
        return float(label_s), frames

    def _numbers(self, cells: list[str]) -> Sequence[float]:
        """Values of the known columns; NaN where there is none."""
        try:
            return [float(cells[source]) for source in self._sources]
        except (ValueError, IndexError):
            count = len(cells)
            return [_number(cells[source], self._delimiter) if source < count else math.nan for source in self._sources]

    def _is_clear(self) -> bool:
        """Whether the codes so far show how many frames a second has."""
        if self.frame_rate is not None or len(self._waiting) > _MOST_WAITING:
            return True
        return has_second_ended(np.array([code for code, _ in self._waiting]))

    def _told(self) -> Rows:
        """The waiting rows, with seconds for codes."""
        codes = np.array([code for code, _ in self._waiting], np.float64)
        values = [numbers for _, numbers in self._waiting]
        self._waiting = []
        if self._clock is None:
            self._clock = CodeClock.of(codes, self.frame_rate, is_marked=self._is_marked)
            self.frame_rate = self._clock.rate
        # Midnight may lie between two pieces.
        self._days += int(is_midnight(self._last_code[:1], codes[:1, 0])[0])
        self._last_code = codes[-1]
        times = self._clock.seconds(codes + np.array([self._days * DAY_S, 0.0]))
        self._days += int(is_midnight(codes[:-1, 0], codes[1:, 0]).sum())
        return self._rows(times, values)

    def _rows(self, times: Times, values: Sequence[Sequence[float] | NDArray[np.float64]]) -> Rows:
        table = np.full((len(values), COLUMN_COUNT), np.nan, np.float32)
        if values:
            numbers = np.array(values, np.float64) * self._scales
            self._findings.mended["not_finite"] += int(np.count_nonzero(~np.isfinite(numbers)))
            # Beyond what a float holds is as good as nothing.
            numbers[~(np.abs(numbers) < 1e6)] = np.nan
            table[:, self._places] = numbers
        return Rows(times, table)


def _number(text: str, delimiter: str) -> float:
    """A number, NaN where it is none; a comma is a point where it does not part columns."""
    try:
        return float(text.replace(",", ".") if delimiter != "," else text)
    except ValueError:
        return math.nan
