"""From what services and Triton's client raise to what a caller of the service sees: one table, one fallback."""

from __future__ import annotations

from visage.runtime import errors, logs
from visage.runtime.triton import errors as triton

_log = logs.get(__name__)


def translate_model_error(error: triton.ModelError) -> errors.VisageError | None:
    """Returns the caller's view of a model's failure; None where it is a defect of ours, such as wrong tensors."""
    if isinstance(error, triton.ModelUnavailable):
        return errors.ModelUnavailable(error.model, retry_after_s=error.retry_after_s or 1.0)
    if isinstance(error, triton.ModelOverloaded):
        return errors.Overloaded(f"model {error.model} is busy", retry_after_s=error.retry_after_s or 0.5)
    if isinstance(error, triton.DeadlineExceeded):
        return errors.DeadlineExceeded(0.0)
    return None


def shown_error(error: Exception, event: str, hint: str) -> errors.VisageError:
    """Returns what a caller sees of an exception, of a group the one that says most.

    A defect of ours is logged as `event` and shown without its innards; `hint` says where to look.
    """
    if isinstance(error, BaseExceptionGroup):
        known = [leaf for leaf in errors.leaves_of(error) if isinstance(leaf, errors.VisageError | triton.ModelError)]
        if known:
            return shown_error(known[0], event, hint)
    if isinstance(error, errors.VisageError):
        return error
    translated = translate_model_error(error) if isinstance(error, triton.ModelError) else None
    if translated is not None:
        return translated
    _log.error(event, exc_info=error)
    return errors.VisageError(f"internal error; {hint}")
