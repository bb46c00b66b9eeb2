"""gRPC status of a Triton answer → exception, in one table."""

from __future__ import annotations

from typing import Final

from visage.runtime.triton.errors import (
    DeadlineExceeded,
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRejectedInput,
    ModelUnavailable,
)

_BY_STATUS: Final[dict[str, tuple[type[ModelError], float | None]]] = {
    "UNAVAILABLE": (ModelUnavailable, 1.0),
    # A server that is going down forgets its models before it closes its port.
    "NOT_FOUND": (ModelUnavailable, 1.0),
    "INVALID_ARGUMENT": (ModelRejectedInput, None),
    "DEADLINE_EXCEEDED": (DeadlineExceeded, None),
}
"""Status → exception and the seconds after which trying again may help; all others are ModelFailed."""

_OVERLOAD_MESSAGES: Final = ("Exceeds maximum queue size", "Request timeout expired")
"""Triton says UNAVAILABLE for a full queue and for a wait that was too long: only the text tells."""

_DEAD_MODEL_MESSAGE: Final = "is not healthy"
"""The embedded server's INTERNAL when a model's process has died, until the server is started again."""

_OVERLOAD_RETRY_S: Final = 0.2
"""The queue timeout of the small models: by then whatever filled the queue has left it."""


def to_model_error(model: str, status: str | None, message: str) -> ModelError:
    """Return the exception for a failed call.

    Args:
        model: Name of the model.
        status: Name of the gRPC status, with or without "StatusCode." in front.
        message: The server's message.
    """
    code = (status or "UNKNOWN").removeprefix("StatusCode.")
    if code == "INTERNAL" and _DEAD_MODEL_MESSAGE in message:
        code = "UNAVAILABLE"
    if code == "UNAVAILABLE" and any(text in message for text in _OVERLOAD_MESSAGES):
        return ModelOverloaded(model, message, _OVERLOAD_RETRY_S)
    kind, retry_after_s = _BY_STATUS.get(code, (ModelFailed, None))
    return kind(model, f"{code}: {message}", retry_after_s)
