"""Deadlines: gRPC does not hand them on by itself in Python, so each call passes on what is left of its own."""

from __future__ import annotations

from typing import Protocol

HOP_MARGIN_S = 0.05
"""Kept back at each hop, so that the callee's answer still arrives in time."""


class HasTimeRemaining(Protocol):
    """What is needed of a gRPC context."""

    def time_remaining(self) -> float | None:
        """Returns the seconds left, or None without a deadline."""


def remaining_s(context: HasTimeRemaining, cap_s: float) -> float:
    """Returns the seconds a call below may take: what is left less one hop, at most `cap_s`, at least 1 ms."""
    left = context.time_remaining()
    if left is None:
        return cap_s
    return max(0.001, min(left - HOP_MARGIN_S, cap_s))
