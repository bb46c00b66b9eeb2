"""Logs of the embedded server, and the removal of old files."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import Final

_KEEP_S: Final = 30 * 86400
_ERROR_COUNT: Final = 6
_LINE_COUNT: Final = 10

_ERROR: Final = re.compile(r"[EF]\d{4} ")
"""Triton's lines start with level and date: I, W, E or F and MMDD."""


def read_tail(path: Path, start: int = 0) -> str:
    """Return the last errors and the last lines of a log, of what was written from byte `start` on.

    Triton ends a failed start with wide tables and a report of its shutdown, which push the reason out of sight.
    """
    with path.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "+|"]
    errors = [index for index, line in enumerate(lines) if _ERROR.match(line) and "Cuda" not in line]
    shown = sorted({*errors[-_ERROR_COUNT:], *range(max(0, len(lines) - _LINE_COUNT), len(lines))})
    return "\n".join(lines[index] for index in shown)


def remove_old_files(folder: Path, pattern: str) -> None:
    """Remove what has been neither written nor read for a month: logs of crashes, models compiled long ago."""
    for file in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            stat = file.stat()
            if max(stat.st_mtime, stat.st_atime) < time.time() - _KEEP_S:
                file.unlink()
