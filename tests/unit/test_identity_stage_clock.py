"""Steps of a creation by time."""

from __future__ import annotations

import time

import pytest

from visage.identity.stage_clock import StageClock

pytestmark = pytest.mark.unit


def test_laps_cover_all_time_since_the_start() -> None:
    """Each step gets the time since the one before; together they are all the time there was, in order."""
    before_s = time.perf_counter()
    clock = StageClock()
    for step in ("decode", "find", "decode"):
        time.sleep(0.002)
        clock.lap(step)
    all_s = time.perf_counter() - before_s

    assert list(clock.seconds) == ["decode", "find"]
    assert clock.seconds["decode"] >= 0.004
    assert sum(clock.seconds.values()) <= all_s
