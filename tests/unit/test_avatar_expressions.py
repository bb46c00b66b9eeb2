"""The 52 curves as displacement fields."""

from __future__ import annotations

import numpy as np
import pytest

from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.expression_basis import ExpressionFields
from visage.media.portrait import JAW_CURVES, JAW_DROP_MM, SKULL_CURVES
from visage.media.windows import Array

pytestmark = pytest.mark.unit


def displacement(x: float, y: float, *, upper: bool) -> Array:
    """[52, 3] in millimetres at one canonical point."""
    at = np.full((1, 1), 1.0)
    return ExpressionFields(at * x, at * y, at * -20.0, upper=upper).displacement[:, :, 0, 0]


def test_the_jaw_drops_the_chin_and_not_the_upper_lip() -> None:
    """JawOpen moves the chin by the full drop and leaves the middle of the upper lip."""
    jaw = CURVE_INDEX["JawOpen"]

    assert displacement(0, 110, upper=False)[jaw, 1] == pytest.approx(JAW_DROP_MM, rel=0.15)
    assert abs(displacement(0, 66, upper=True)[jaw, 1]) < 0.5


def test_mouth_close_brings_the_lips_together_against_the_jaw() -> None:
    """JawOpen and MouthClose together leave no gap in the middle of the mouth."""
    opened = displacement(0, 69.6, upper=False) - displacement(0, 69.6, upper=True)
    jaw, close = opened[CURVE_INDEX["JawOpen"], 1], opened[CURVE_INDEX["MouthClose"], 1]

    assert jaw > 20
    assert abs(jaw + close) < 0.5


def test_left_and_right_mirror_each_other() -> None:
    """A left curve at x is the mirror image of its right twin at -x."""
    for upper in (True, False):
        right, left = displacement(-21, 64, upper=upper), displacement(21, 64, upper=upper)
        for name in CURVE_NAMES:
            if name.endswith("Left") and name not in ("JawLeft", "MouthLeft"):
                twin = CURVE_INDEX[name.removesuffix("Left") + "Right"]

                assert left[CURVE_INDEX[name]] == pytest.approx(right[twin] * [-1, 1, 1], abs=1e-9)


def test_listed_curves_are_those_that_move_a_layer() -> None:
    """The renderer's curve lists leave out no curve that moves the skull layer, and none that moves the lower lip."""
    x, y = np.meshgrid(np.linspace(-80, 80, 41), np.linspace(-70, 160, 61))
    z = np.zeros_like(x)
    skull = np.abs(ExpressionFields(x, y, z, upper=True).displacement).max((1, 2, 3))
    lower = np.abs(ExpressionFields(x, y, z, upper=False).displacement[..., y[:, 0] > 74, :]).max((1, 2, 3))

    assert {name for name, reach in zip(CURVE_NAMES, skull, strict=True) if reach > 0} == set(SKULL_CURVES)
    assert {name for name, reach in zip(CURVE_NAMES, lower, strict=True) if reach > 0.25} <= set(JAW_CURVES)
