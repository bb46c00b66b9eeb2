"""The caller's half of a trace: a span around each call, its context in the call's metadata.

Nothing is recorded unless the program has set up OpenTelemetry; a trace that it has begun goes on in the services.
Privacy rule: no text, no audio and no pixels in names or attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import propagate, trace

SCOPE: Final = "visage.client"
ATTEMPT: Final = "visage.resume.attempt"
"""Attribute of a stream's spans: 0, then 1 for the first time that it is resumed, and so on."""

Metadata = tuple[tuple[str, str], ...]


@contextmanager
def span(name: str, attempt: int = 0) -> Iterator[Metadata]:
    """Opens a client span and yields the metadata that carries it; what is raised inside ends it as an error.

    The span is not made the current one: a generator that waits in `yield` would leave it current for its reader.
    """
    attributes = {ATTEMPT: attempt} if attempt else None
    opened = trace.get_tracer(SCOPE).start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)
    carrier: dict[str, str] = {}
    propagate.inject(carrier, trace.set_span_in_context(opened))
    try:
        yield tuple(carrier.items())
    except Exception as error:
        opened.set_status(trace.StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        opened.end()
