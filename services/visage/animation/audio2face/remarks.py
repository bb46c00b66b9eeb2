"""What a client is told without ending its stream: each thing once."""

from __future__ import annotations

import enum
from collections.abc import Iterator


class Level(enum.IntEnum):
    """Codes of `com.nvidia.ace.status.v1.Status`."""

    SUCCESS = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


class Remarks:
    """Collects remarks until they are taken."""

    def __init__(self) -> None:
        """Starts empty."""
        self._waiting: list[tuple[Level, str]] = []
        self._made: set[str] = set()

    def inform(self, message: str) -> None:
        """Adds what has no effect."""
        self._add(Level.INFO, message)

    def warn(self, message: str) -> None:
        """Adds what was changed or left out."""
        self._add(Level.WARNING, message)

    def take(self) -> Iterator[tuple[Level, str]]:
        """Yields those that nobody has taken yet."""
        while self._waiting:
            yield self._waiting.pop(0)

    def _add(self, level: Level, message: str) -> None:
        if message not in self._made:
            self._made.add(message)
            self._waiting.append((level, message))
