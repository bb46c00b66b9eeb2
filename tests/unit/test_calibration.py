"""What the services measure of themselves, with models that take a known time."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.composition_peers import FakeRenderer
from tests.fakes.tone_engine import ToneEngine
from visage.composition import calibration as composition
from visage.runtime.capacity import Places, sustained_rate
from visage.speech import calibration as speech

pytestmark = pytest.mark.unit


async def test_rate_counts_what_is_done_side_by_side() -> None:
    """Work of which three run at a time is done more often than one after the other."""

    async def work() -> None:
        await asyncio.sleep(0.02)

    alone = await sustained_rate(work, 1, 0.4)
    together = await sustained_rate(work, 3, 0.4)

    assert together > alone


async def test_work_longer_than_the_limit_is_done_once() -> None:
    """The limit bounds the measurement; what was begun counts."""
    done = 0

    async def work() -> None:
        nonlocal done
        await asyncio.sleep(0.03)
        done += 1

    rate = await sustained_rate(work, 2, 0.001)

    assert done == 3 and rate > 0


async def test_the_renderer_bounds_the_streams() -> None:
    """A renderer that takes ten times as long carries a fraction of the streams, whatever the encoder could do."""
    renderer = FakeRenderer()
    renderer.delay_s = 0.05
    quick = await composition.rendered_frames_per_s(renderer, 1, 0.3)
    renderer.delay_s = 0.5
    slow = await composition.rendered_frames_per_s(renderer, 1, 0.3)

    assert slow < 8 / 0.5
    assert slow < quick < 8 / 0.05
    assert renderer.open_sessions == 0


async def test_the_encoder_bounds_the_streams() -> None:
    """Where cores are scarce, no renderer makes up for them: a thousandth of the cores carries less than one stream."""
    renderer = FakeRenderer()
    plenty = await composition.streams_carried(renderer, 8, 1000, 0.2)
    renderer.delay_s = 0.0
    scarce = await composition.streams_carried(renderer, 8, 0, 0.2)

    assert scarce == 0 < plenty


async def test_an_engine_carries_as_many_voices_as_it_is_faster_than_life() -> None:
    """The slowest engine's speed over real time is the capacity."""
    engine = ToneEngine()
    voices = await engine.open()
    carried = await speech.streams_carried(voices, {engine.name: engine}, 2, 0.1)

    assert carried > 1


def test_places_tell_when_to_come_back() -> None:
    """The hint is a second at least, and never more than half a minute."""
    places = Places(2)
    with places.hold(), places.hold():
        was_full = places.is_full

    assert was_full and not places.is_full
    assert 1.0 <= places.expected_wait_s <= 30.0
