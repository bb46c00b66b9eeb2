"""From what Triton's client raises to what a caller of the service sees: one table."""

from __future__ import annotations

from visage.runtime import errors
from visage.runtime.triton import errors as triton


def translate_model_error(error: triton.ModelError) -> errors.VisageError | None:
    """Returns the caller's view of a model's failure; None where it is a defect of ours, such as wrong tensors."""
    if isinstance(error, triton.ModelUnavailable):
        return errors.ModelUnavailable(error.model, retry_after_s=error.retry_after_s or 1.0)
    if isinstance(error, triton.ModelOverloaded):
        return errors.Overloaded(f"model {error.model} is busy", retry_after_s=error.retry_after_s or 0.5)
    if isinstance(error, triton.DeadlineExceeded):
        return errors.DeadlineExceeded(0.0)
    return None
