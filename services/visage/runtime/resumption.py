"""Where the stream that runs in this context can go on elsewhere; part of the details when it ends too early.

A handler notes it as its caller takes things; the interceptor opens the notes and reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_NOTES: Final[ContextVar[dict[str, str] | None]] = ContextVar("visage_resumption", default=None)


@contextmanager
def notes() -> Iterator[dict[str, str]]:
    """Opens the notes of one call."""
    opened: dict[str, str] = {}
    token = _NOTES.set(opened)
    try:
        yield opened
    finally:
        _NOTES.reset(token)


def note(key: str, value: int) -> None:
    """Notes what the caller needs next; nothing happens outside of a call."""
    opened = _NOTES.get()
    if opened is not None:
        opened[key] = str(value)
