"""Triton's statuses become exceptions that say what to do."""

from __future__ import annotations

import pytest

from visage.runtime.triton import errors
from visage.runtime.triton.statuses import to_model_error

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("status", "message", "kind", "may_retry"),
    [
        ("StatusCode.UNAVAILABLE", "failed to connect to all addresses", errors.ModelUnavailable, True),
        ("StatusCode.NOT_FOUND", "Request for unknown model: 'x' is not found", errors.ModelUnavailable, True),
        ("StatusCode.UNAVAILABLE", "Exceeds maximum queue size", errors.ModelOverloaded, True),
        ("StatusCode.UNAVAILABLE", "Request timeout expired", errors.ModelOverloaded, True),
        ("StatusCode.INVALID_ARGUMENT", "unexpected shape", errors.ModelRejectedInput, False),
        ("StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded", errors.DeadlineExceeded, False),
        ("StatusCode.INTERNAL", "division by zero", errors.ModelFailed, False),
        ("StatusCode.INTERNAL", "Stub process 'x_0_0' is not healthy.", errors.ModelUnavailable, True),
        (None, "no status at all", errors.ModelFailed, False),
    ],
)
def test_each_status_has_its_exception(
    status: str | None, message: str, kind: type[errors.ModelError], may_retry: bool
) -> None:
    """Status and, for UNAVAILABLE, the text select the exception; retry_after_s says whether waiting helps."""
    error = to_model_error("renderer", status, message)

    assert type(error) is kind
    assert (error.retry_after_s is not None) is may_retry
    assert error.model == "renderer"
    assert message in str(error)
