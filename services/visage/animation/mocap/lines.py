"""Bytes of a stream → lines of text, however the stream is cut."""

from __future__ import annotations

import codecs
from typing import Final

from visage.runtime.errors import InvalidField, MediaTooLarge, MediaUndecodable

FIELD: Final = "data"
LONGEST_LINE_BYTES: Final = 65_536
MOST_BYTES: Final = 128 * 1024 * 1024


class Lines:
    """Splits UTF-8 at line feeds, carriage returns or both; memory is bounded by the longest line."""

    def __init__(self) -> None:
        """Starts before the first byte."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._byte_count = 0
        self._has_carriage_return = False

    def push(self, data: bytes) -> list[str]:
        """Returns the lines that `data` completes, without their ends.

        Raises:
            InvalidField: A line is too long.
            MediaTooLarge: There are too many bytes.
            MediaUndecodable: They are no UTF-8.
        """
        self._byte_count += len(data)
        if self._byte_count > MOST_BYTES:
            raise MediaTooLarge(FIELD, f"{MOST_BYTES} bytes", f"{self._byte_count} bytes")
        return self._split(self._decode(data, is_final=False))

    def finish(self) -> list[str]:
        """Returns the last line, if it has no end; raises as `push` does."""
        lines = self._split(self._decode(b"", is_final=True))
        last, self._rest = self._rest, ""
        return [*lines, last] if last else lines

    def _decode(self, data: bytes, *, is_final: bool) -> str:
        try:
            return self._decoder.decode(data, is_final)
        except UnicodeDecodeError as error:
            raise MediaUndecodable(FIELD, f"the bytes are no UTF-8 text: {error.reason}") from None

    def _split(self, text: str) -> list[str]:
        # A feed at the start belongs to the return before it.
        if self._has_carriage_return and text:
            text = text.removeprefix("\n")
            self._has_carriage_return = False
        if text.endswith("\r"):
            self._has_carriage_return = True
        parts = (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = parts.pop()
        for part in (*parts, self._rest):
            if len(part) > LONGEST_LINE_BYTES:
                raise InvalidField(FIELD, f"a line has more than {LONGEST_LINE_BYTES} characters", LONGEST_LINE_BYTES)
        return parts
