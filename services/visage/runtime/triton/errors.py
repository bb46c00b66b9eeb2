"""What can go wrong between a service and its models.

TritonError
├── ServerError                    the embedded server
│   ├── ServerInstallFailed
│   ├── ServerStartFailed
│   └── ServerCrashed
└── ModelError                     one call of one model; carries model name and retry_after_s
    ├── ModelUnavailable
    ├── ModelOverloaded
    ├── ModelRejectedInput
    ├── ModelFailed
    ├── DeadlineExceeded
    └── SignatureMismatch
"""

from __future__ import annotations

from pathlib import Path


class TritonError(Exception):
    """Anything that this package raises."""


class ServerError(TritonError):
    """The embedded server is at fault, not a call."""


class ServerInstallFailed(ServerError):
    """The embedded server cannot be installed here; the message says why."""


class ServerStartFailed(ServerError):
    """The server died or stayed unready while starting; the message ends with its last log lines.

    Attributes:
        log_path: The whole log, kept.
    """

    def __init__(self, message: str, log_path: Path) -> None:
        super().__init__(message)
        self.log_path = log_path


class ServerCrashed(ServerError):
    """A server that had been ready ended without having been stopped.

    Attributes:
        exit_status: As `subprocess` gives it: negative for a signal.
        log_path: The whole log, kept.
    """

    def __init__(self, message: str, exit_status: int, log_path: Path) -> None:
        super().__init__(message)
        self.exit_status = exit_status
        self.log_path = log_path


class ModelError(TritonError):
    """A call of one model failed.

    Attributes:
        model: Name of the model.
        retry_after_s: Seconds after which trying again may help; None where it will not.
    """

    def __init__(self, model: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{model}: {message}")
        self.model = model
        self.retry_after_s = retry_after_s


class ModelUnavailable(ModelError):
    """No server answers for this model now: not reachable, not ready, or going down."""


class ModelOverloaded(ModelError):
    """The model's queue is full, or the call waited in it for too long."""


class ModelRejectedInput(ModelError):
    """A tensor has a name, type or shape that the model does not take."""


class ModelFailed(ModelError):
    """The model was reached and broke while it worked."""


class DeadlineExceeded(ModelError):
    """The answer did not come within the caller's deadline."""


class SignatureMismatch(ModelError):
    """The server's model is not the one this service was written for; the message names every difference."""
