"""There and back: known curves, rendered on a portrait, filmed, and taken over by AnimateFromVideo."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from benchmarks.animation.round_trip import Recovery, recover
from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.subjects import Stage, photos, portrait_of

pytestmark = pytest.mark.models

BOUNDS = {
    "jaw": (0.97, 0.75, 0.1),
    "smile": (0.95, 0.35, 0.25),
    "brows, inner": (0.96, 0.75, 0.12),
    "brows down": (0.95, 0.65, 0.14),
    "gaze left": (0.96, 0.7, 0.1),
    "blink": (0.94, 0.75, 0.1),
}
"""Of the astronaut, who smiles already: least correlation, least share of the peak, most mean error."""
TURNS = {"yaw": (0.98, 0.85, 1.0), "pitch": (0.98, 0.7, 1.2), "roll": (0.98, 0.85, 0.9)}
"""Likewise, with errors in degrees."""


@cache
def recovered() -> dict[str, Recovery]:
    watch = FaceWatch()
    portrait = asyncio.run(portrait_of("astronaut", photos()["astronaut"], watch))
    return asyncio.run(recover(portrait, Stage(), watch.models, [*BOUNDS, *TURNS]))


@pytest.mark.parametrize("name", [*BOUNDS, *TURNS])
def test_a_movement_comes_back(name: str) -> None:
    """It is found when it was made, nearly as large as it was, and gone when it was gone."""
    correlation, gain, error = {**BOUNDS, **TURNS}[name]
    found = recovered()[name]

    assert found.correlation > correlation
    assert gain < found.gain < 1.3
    assert found.error < error


def test_movements_stay_apart() -> None:
    """While one thing moves, all others together hardly do."""
    spills = {name: found.spill for name, found in recovered().items()}

    assert max(spills.values()) < 0.25
    assert sum(spills.values()) / len(spills) < 0.12
