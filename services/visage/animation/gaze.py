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
from visage.animation.emotion_table import NEUTRAL, Manner
from visage.animation.springs import ease
from visage.animation.ticks import TICK_S

# Eyeball rotation at coefficient 1.
SIDEWAYS_DEGREES: Final = 28.6
UP_DEGREES: Final = 18.3
DOWN_DEGREES: Final = 19.5

_FIRST_LOOK_S: Final = 0.9
_ASIDE_SHARE: Final = 0.26
_GLANCE_SHARE: Final = 0.77
_AWAY_DEGREES: Final = 2.5
_ROUNDING_S: Final = 1e-6
# The eyes let what they look at move by this much before they follow it.
_BEHIND_DEGREES: Final = 0.4
_FARTHEST_BEHIND_DEGREES: Final = 5.0
_SETTLED_DEGREES: Final = 0.05
_DRIFT_DEGREES: Final = 0.15
# Eyes do not undo the last bit of a head's turn.
_REFLEX_SIDEWAYS: Final = 0.95
_REFLEX_UPRIGHT: Final = 0.85
# Lids follow the eyes: share of EyeBlink and EyeWide per coefficient of looking down and up.
_LID_FALL: Final = 0.12
_LID_RISE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Look:
    """A fixation: degrees to the image's right and up, and how long it lasts."""

    x_degrees: float
    y_degrees: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Eyes:
    """Direction of the eyes in the room.

    Attributes:
        anchor: Degrees to the image's right and up of what is looked at.
        offset: The same of the saccades and drifts around it.
        saccade_degrees: Size of a shift that starts at this tick, else 0.
    """

    anchor: tuple[float, float]
    offset: tuple[float, float]
    saccade_degrees: float


class _Saccades:
    """A place that jumps as eyes do, tick by tick."""

    def __init__(self) -> None:
        self._from = self.to = self.place = (0.0, 0.0)
        self._age_s = self._length_s = 0.0

    def jump(self, to: tuple[float, float]) -> float:
        """Starts a shift from here to a place; returns its size in degrees."""
        size_degrees = math.dist(self.place, to)
        self._from, self.to, self._age_s = self.place, to, 0.0
        self._length_s = 0.021 + 0.0022 * size_degrees
        return size_degrees

    def advance(self) -> tuple[float, float]:
        """Returns the place one tick later."""
        if self.place != self.to:
            share = ease(self._age_s / self._length_s)
            self._age_s += TICK_S
            (from_x, from_y), (to_x, to_y) = self._from, self.to
            self.place = (from_x + (to_x - from_x) * share, from_y + (to_y - from_y) * share) if share < 1 else self.to
        return self.place


class Gaze:
    """The eyes, tick by tick: on an anchor, scanning it in small saccades, now and then aside."""

    def __init__(self, tick: int = 0) -> None:
        """Starts on the viewer, before tick `tick`."""
        self._tick = tick
        self._warm_s = 0.0
        self._count = 0
        self._look = Look(0.0, 0.0, _FIRST_LOOK_S)
        self._age_s = 0.0
        self._anchor, self._offset = _Saccades(), _Saccades()
        self._wish = (0.0, 0.0)

    def advance(
        self, dice: Dice, *, is_speaking: bool, anchor: tuple[float, float] = (0.0, 0.0), manner: Manner = NEUTRAL
    ) -> Eyes:
        """Returns the eyes one tick later.

        Args:
            dice: Source of chance.
            is_speaking: Speech at this tick.
            anchor: What is looked at, degrees to the image's right and up.
            manner: How long looks last and how often they go aside.
        """
        self._tick += 1
        self._age_s += TICK_S
        self._warm_s += TICK_S
        shift_degrees = 0.0
        if self._age_s >= self._look.length_s - _ROUNDING_S:
            self._count += 1
            self._look = self._choose(dice, is_speaking=is_speaking, manner=manner)
            self._age_s = 0.0
            shift_degrees = self._offset.jump((self._look.x_degrees, self._look.y_degrees))
        if self._is_due(anchor):
            shift_degrees = max(shift_degrees, self._anchor.jump(anchor))
        self._wish = anchor
        drift = _DRIFT_DEGREES * min(1.0, self._warm_s)
        time_s = self._tick * TICK_S
        across, upward = (drift * dice.noise(name, time_s, 0.4) for name in ("drift-x", "drift-y"))
        x, y = self._offset.advance()
        return Eyes(self._anchor.advance(), (x + across, y + upward), shift_degrees)

    def _choose(self, dice: Dice, *, is_speaking: bool, manner: Manner) -> Look:
        """The next fixation."""
        return draw_look(dice, self._count, self._look, is_speaking=is_speaking, manner=manner)

    def _is_due(self, anchor: tuple[float, float]) -> bool:
        """Whether the eyes should catch up with an anchor: when it has come to rest, or has gone too far."""
        behind_degrees = math.dist(anchor, self._anchor.to)
        has_settled = math.dist(anchor, self._wish) < _SETTLED_DEGREES
        return behind_degrees > _FARTHEST_BEHIND_DEGREES or (has_settled and behind_degrees > _BEHIND_DEGREES)


def draw_look(dice: Dice, count: int, last: Look, *, is_speaking: bool, manner: Manner) -> Look:
    """Draws the `count`th fixation; after a look aside the eyes return."""
    kind, length, side, *_ = dice.uniforms("look", count)
    across, upward, *_ = dice.normals("look-place", count)
    was_away = math.hypot(last.x_degrees, last.y_degrees) > _AWAY_DEGREES
    aside = min(0.9, _ASIDE_SHARE * manner.glances)
    if was_away or kind >= aside:
        # Between the viewer's eyes and mouth.
        longest_s = 1.6 if is_speaking else 1.1
        return Look(0.9 * across, 0.6 * upward - 0.2, manner.fixation * (0.35 + longest_s * length**1.5))
    sign = 1.0 if side < 0.5 else -1.0
    if kind < _GLANCE_SHARE * aside:
        return Look(sign * (3 + abs(across)), 0.8 * upward - 0.5, 0.25 + 0.6 * length)
    return Look(sign * (6 + 1.5 * abs(across)), 1.5 * upward + (1.5 if side < 0.3 else -1.5), 0.3 + 0.7 * length)


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
