"""The onnxruntime backend tells Triton's warm-ups from requests of callers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from visage.runtime.triton.backends.onnxruntime.warm_ups import WarmUps

pytestmark = pytest.mark.unit

CONFIG: dict[str, Any] = {
    "model_warmup": [
        {"name": "one", "inputs": {"x": {"zero_data": True}, "y": {"input_data_file": "y"}}},
        {"name": "two", "inputs": {"x": {"zero_data": True}}},
    ]
}


class Tensor(NamedTuple):
    """What the backend sees of a request's tensor."""

    label: str
    array: np.ndarray

    def name(self) -> str:
        return self.label

    def as_numpy(self) -> np.ndarray:
        return self.array


ZEROS, ONES = np.zeros(3, np.float32), np.ones(3, np.float32)


def test_as_many_calls_as_samples_are_warm_ups() -> None:
    """The first calls of zeros are, later ones are not."""
    warm_ups = WarmUps(CONFIG)

    assert [warm_ups.takes([Tensor("x", ZEROS), Tensor("y", ONES)]) for _ in range(4)] == [True, True, False, False]


def test_a_caller_s_data_are_no_warm_up() -> None:
    """Where a sample holds zeros, anything else comes from a caller."""
    assert not WarmUps(CONFIG).takes([Tensor("x", ONES), Tensor("y", ONES)])


def test_a_model_without_samples_has_none() -> None:
    """Its first call is a caller's."""
    assert not WarmUps({}).takes([Tensor("x", ZEROS)])
