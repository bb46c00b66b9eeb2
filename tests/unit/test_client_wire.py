"""Values of the client that no message can hold."""

from __future__ import annotations

import math

import pytest

from visage.client import performance_controls, wire

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("fps", [math.nan, math.inf, -math.inf, 1e30])
def test_a_frame_rate_is_a_number(fps: float) -> None:
    """What is none is a ValueError that says so."""
    with pytest.raises(ValueError, match="frame rate must be a number"):
        wire.frame_rate(fps)


@pytest.mark.parametrize("value_s", [math.nan, math.inf, 1e30])
def test_a_length_of_time_is_a_number(value_s: float) -> None:
    """The same for seconds."""
    with pytest.raises(ValueError, match="length of time must be a number"):
        wire.duration(value_s)


def test_a_seed_has_64_bits() -> None:
    """The least of them does."""
    assert performance_controls(seed=-(2**63)).seed == -(2**63)
    with pytest.raises(ValueError, match="64 bits"):
        performance_controls(seed=2**63)
