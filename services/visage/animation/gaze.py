"""Gaze: where the eyes look, and how they stay on the viewer while the head moves.

A speaker looks at the listener most of the time, scans the face in small saccades, glances aside now and then and
returns. Within the head, the eyes turn against the head's rotation (vestibulo-ocular reflex), so the gaze holds.
Source of figures: Lee, Badler & Badler, "Eyes Alive", 2002; saccade duration by Bahill, Clark & Stark, 1975.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from visage.animation.dice import Dice
from visage.animation.springs import ease
from visage.animation.ticks import TICK_S

# Eyeball rotation at coefficient 1.
SIDEWAYS_DEGREES: Final = 28.6
UP_DEGREES: Final = 18.3
DOWN_DEGREES: Final = 19.5

_FIRST_LOOK_S: Final = 0.9
_SCAN_SHARE: Final = 0.74
_GLANCE_SHARE: Final = 0.20
_DRIFT_DEGREES: Final = 0.15
# Eyes do not undo the last bit of a head's turn.
_REFLEX_SIDEWAYS: Final = 0.95
_REFLEX_UPRIGHT: Final = 0.85
# Lids follow the eyes: share of EyeBlink and EyeWide per coefficient of looking down and up.
_LID_FALL: Final = 0.12
_LID_RISE: Final = 0.15


@dataclass(frozen=True, slots=True)
class _Look:
    """A fixation: degrees to the image's right and up, and how long it lasts."""

    x_degrees: float
    y_degrees: float
    length_s: float


class Gaze:
    """Direction of the eyes in the room, tick by tick: degrees to the image's right and up, 0 at the viewer."""

    def __init__(self) -> None:
        """Starts on the viewer."""
        self._count = 0
        self._from = self._look = _Look(0.0, 0.0, _FIRST_LOOK_S)
        self._age_s = 0.0
        self._time_s = 0.0
        self.saccade_degrees = 0.0

    def advance(self, dice: Dice, *, is_speaking: bool) -> tuple[float, float]:
        """Returns the gaze one tick later; `saccade_degrees` is the size of a shift that starts now, else 0."""
        self._time_s += TICK_S
        self._age_s += TICK_S
        self.saccade_degrees = 0.0
        if self._age_s >= self._look.length_s:
            self._from, self._look = self._look, self._choose(dice, is_speaking)
            self._age_s = 0.0
            self.saccade_degrees = self._distance()
        share = ease(self._age_s / (0.021 + 0.0022 * self._distance()))
        drift = _DRIFT_DEGREES * min(1.0, self._time_s)
        x = self._from.x_degrees + (self._look.x_degrees - self._from.x_degrees) * share
        y = self._from.y_degrees + (self._look.y_degrees - self._from.y_degrees) * share
        return (
            x + drift * dice.noise("drift-x", self._time_s * 2.5),
            y + drift * dice.noise("drift-y", self._time_s * 2.5),
        )

    def _distance(self) -> float:
        return math.hypot(self._look.x_degrees - self._from.x_degrees, self._look.y_degrees - self._from.y_degrees)

    def _choose(self, dice: Dice, is_speaking: bool) -> _Look:
        """Draws the next fixation; after a look aside the eyes return to the viewer."""
        self._count += 1
        kind, length, side, *_ = dice.uniforms("look", self._count)
        across, upward, *_ = dice.normals("look-place", self._count)
        was_away = math.hypot(self._look.x_degrees, self._look.y_degrees) > 2.5
        if was_away or kind < _SCAN_SHARE:
            # Between the viewer's eyes and mouth.
            return _Look(0.9 * across, 0.6 * upward - 0.2, 0.35 + (1.6 if is_speaking else 1.1) * length**1.5)
        sign = 1.0 if side < 0.5 else -1.0
        if kind < _SCAN_SHARE + _GLANCE_SHARE:
            return _Look(sign * (3 + abs(across)), 0.8 * upward - 0.5, 0.25 + 0.6 * length)
        return _Look(sign * (6 + 1.5 * abs(across)), 1.5 * upward + (1.5 if side < 0.3 else -1.5), 0.3 + 0.7 * length)


def eye_curves(x_degrees: float, y_degrees: float) -> Mapping[str, float]:
    """Coefficients that turn both eyes by these degrees to the image's right and up; lids follow the vertical part."""
    curves: dict[str, float] = {}
    sideways = min(abs(x_degrees) / SIDEWAYS_DEGREES, 1.0)
    # The image's right is the subject's left.
    names = ("EyeLookOutLeft", "EyeLookInRight") if x_degrees > 0 else ("EyeLookInLeft", "EyeLookOutRight")
    for name in names:
        curves[name] = sideways
    upright = "Up" if y_degrees > 0 else "Down"
    raised = min(abs(y_degrees) / (UP_DEGREES if y_degrees > 0 else DOWN_DEGREES), 1.0)
    for side in ("Left", "Right"):
        curves[f"EyeLook{upright}{side}"] = raised
        if y_degrees > 0:
            curves[f"EyeWide{side}"] = _LID_RISE * raised
        else:
            curves[f"EyeBlink{side}"] = _LID_FALL * raised
    return curves


def in_head(x_degrees: float, y_degrees: float, yaw_degrees: float, pitch_degrees: float) -> tuple[float, float]:
    """Eye rotation within a turned head that keeps the gaze at these degrees of the room."""
    return x_degrees - _REFLEX_SIDEWAYS * yaw_degrees, y_degrees - _REFLEX_UPRIGHT * pitch_degrees
