"""Stretches of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONG_GAP_S: Final = 0.25
"""What is missing for longer is not guessed."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a time to another, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


def is_long(duration_s: float) -> bool:
    """Whether a gap is too long to be guessed."""
    return duration_s > LONG_GAP_S
