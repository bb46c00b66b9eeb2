"""Chance without state."""

from __future__ import annotations

import numpy as np
import pytest

from visage.animation.dice import Dice

pytestmark = pytest.mark.unit


def test_numbers_do_not_depend_on_the_order_of_questions() -> None:
    """Event 7 draws the same numbers whether or not others were asked for before."""
    asked_late = Dice(3)
    for index in range(7):
        asked_late.uniforms("blink", index)

    assert asked_late.uniforms("blink", 7) == Dice(3).uniforms("blink", 7)


def test_seeds_names_and_indices_are_independent() -> None:
    """Any change of the three draws other numbers."""
    drawn = {
        Dice(seed).uniforms(name, index) for seed in (-1, 0, 2**63 - 1) for name in ("blink", "nod") for index in (0, 1)
    }

    assert len(drawn) == 12


def test_numbers_are_uniform_and_normal() -> None:
    """Mean and spread are those of the distributions."""
    dice = Dice(11)
    uniforms = np.array([dice.uniforms("u", index) for index in range(500)])
    normals = np.array([dice.normals("n", index) for index in range(500)])

    assert uniforms.mean() == pytest.approx(0.5, abs=0.02)
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    assert normals.mean() == pytest.approx(0, abs=0.08)
    assert normals.std() == pytest.approx(1, abs=0.08)


def test_noise_is_smooth_and_bounded() -> None:
    """Between two looks a hundredth of a unit apart noise moves little, and it never leaves -1..1."""
    dice = Dice(5)
    values = np.array([dice.noise("sway", step / 100, 1.0) for step in range(3000)])

    assert np.abs(values).max() <= 1
    assert np.abs(np.diff(values)).max() < 0.05
    assert values.std() > 0.25
