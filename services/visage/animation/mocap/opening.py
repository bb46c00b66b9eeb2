"""Which format a recording has, by what the caller says and what the first line shows."""

from __future__ import annotations

import enum
from fractions import Fraction

from visage.animation.mocap.bvh import BvhReader
from visage.animation.mocap.csv_rows import CsvReader
from visage.animation.mocap.json_rows import JsonReader
from visage.animation.mocap.lines import FIELD, Lines
from visage.animation.mocap.rows import Findings, Reader, Rows
from visage.runtime.errors import MediaUndecodable, StreamTooLong

MOST_ROWS_PER_S = 120
"""As many as any face tracker gives, and some more."""


class Format(enum.Enum):
    """What the bytes are announced to be."""

    ANY = "a recording"
    LIVE_LINK_CSV = "Live Link Face CSV"
    AUDIO2FACE_CSV = "Audio2Face CSV"
    BVH = "BVH"
    JSON_LINES = "JSON lines"


class Intake:
    """Reads rows from pieces of a file, however it is cut."""

    def __init__(self, kind: Format, frame_rate: Fraction | None, longest_s: float, *, is_live: bool) -> None:
        """Takes what is announced, the rate of time codes, the longest recording, and if rows are wanted at once."""
        self._kind = kind
        self._frame_rate = frame_rate
        self._longest_s = longest_s
        self._is_live = is_live
        self._lines = Lines()
        self._reader: Reader | None = None
        self._count = 0
        self.findings = Findings()

    @property
    def frame_rate(self) -> Fraction | None:
        """Rows per second, if the caller or the file says so."""
        return self._reader.frame_rate if self._reader is not None else self._frame_rate

    @property
    def row_count(self) -> int:
        """Rows that have been read, those included that wait."""
        return self._count + (self._reader.waiting if self._reader is not None else 0)

    def push(self, data: bytes) -> Rows:
        """Returns the rows that are known now.

        Raises:
            InvalidField: A line, a header or a hierarchy breaks a limit.
            MediaTooLarge: There are too many bytes.
            MediaUndecodable: The bytes are not what was announced, or nothing that is known.
            StreamTooLong: There are more rows than the longest recording has.
        """
        return self._counted(self._read(self._lines.push(data)))

    def finish(self) -> Rows:
        """Returns the rows that waited for the end; raises as `push`, and MediaUndecodable where there is no line."""
        rows = [self._read(self._lines.finish())]
        if self._reader is None:
            raise MediaUndecodable(FIELD, "there are no lines")
        rows.append(self._reader.finish())
        return self._counted(Rows.joined(rows))

    def _counted(self, rows: Rows) -> Rows:
        self._count += len(rows)
        most = int(self._longest_s * MOST_ROWS_PER_S)
        if self.row_count > most:
            raise StreamTooLong(f"{most} rows", f"{self.row_count} rows or more")
        return rows

    def _read(self, lines: list[str]) -> Rows:
        if self._reader is None:
            while lines and not lines[0].strip():
                lines = lines[1:]
            if not lines:
                return Rows.none()
            self._reader, lines = self._open(lines)
        return self._reader.read(lines)

    def _open(self, lines: list[str]) -> tuple[Reader, list[str]]:
        """The reader of a file that begins with these lines, and the lines that it has not read."""
        first = lines[0].strip()
        shown = Format.BVH if first.upper() == "HIERARCHY" else Format.JSON_LINES if first[0] == "{" else Format.ANY
        is_csv = self._kind in (Format.LIVE_LINK_CSV, Format.AUDIO2FACE_CSV)
        if self._kind is not Format.ANY and shown is not (Format.ANY if is_csv else self._kind):
            raise MediaUndecodable(FIELD, f"the first line is not that of {self._kind.value}")
        if shown is Format.BVH:
            return BvhReader(self.findings), lines
        if shown is Format.JSON_LINES:
            return JsonReader(self.findings, self._frame_rate), lines
        is_live_link = self._kind is Format.LIVE_LINK_CSV if is_csv else None
        return (
            CsvReader(first, self.findings, self._frame_rate, is_live_link, is_live=self._is_live),
            lines[1:],
        )
