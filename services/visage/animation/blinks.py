"""Blinks: when the lids fall and how.

A lid falls in about 80 ms, stays for a moment and rises twice as slowly. People blink more at the ends of phrases and
with large gaze shifts, less while they speak, and now and then twice.
Source of figures: Trutoiu et al., "Modeling and animating eye blinks", 2011; Bentivoglio et al., 1997.
"""

from __future__ import annotations

import math
from typing import Final

from visage.animation.dice import Dice
from visage.animation.springs import ease
from visage.animation.ticks import TICK_S

CLOSING_S: Final = 0.08
HELD_S: Final = 0.05
OPENING_S: Final = 0.16
REFRACTORY_S: Final = 0.5
_FIRST_BLINK_S: Final = 0.4
DOUBLE_SHARE: Final = 0.12
_SPEAKING: Final = 0.6
_PAUSING: Final = 2.0
_SACCADE_SHARE: Final = 0.2


class Blinks:
    """The lids of both eyes, tick by tick."""

    def __init__(self) -> None:
        """Starts with open eyes."""
        self._age_s = math.inf
        self._length = 1.0
        self._depth = 1.0
        self._doubles = False
        self._waited = 0.0
        self._rested_s = REFRACTORY_S - _FIRST_BLINK_S
        self._count = 0

    def advance(
        self, dice: Dice, per_minute: float, *, is_speaking: bool, is_phrase_end: bool, saccade_degrees: float
    ) -> float:
        """Returns the closure of the lids, 0..1, one tick later.

        Args:
            dice: Source of chance.
            per_minute: Mean rate wanted; 0 for none.
            is_speaking: Speech at this tick.
            is_phrase_end: A phrase ended within the last moments.
            saccade_degrees: Size of a gaze shift that starts at this tick; 0 without.
        """
        self._age_s += TICK_S
        if self._is_over():
            self._rested_s += TICK_S
            if self._doubles:
                self._start(dice, length=0.9, depth=0.9, doubles=False)
            elif per_minute > 0 and self._rested_s > REFRACTORY_S:
                self._wait(dice, per_minute, is_speaking, is_phrase_end, saccade_degrees)
        return self.closure

    @property
    def closure(self) -> float:
        """Closure now, 0..1."""
        age_s = self._age_s / self._length
        if age_s < CLOSING_S:
            return self._depth * ease(age_s / CLOSING_S)
        if age_s < CLOSING_S + HELD_S:
            return self._depth
        opened = (age_s - CLOSING_S - HELD_S) / OPENING_S
        if opened >= 1:
            return 0.0
        # Rises fast at first and lingers before it is fully open.
        return self._depth * (1 - ease(opened**0.8))

    def _is_over(self) -> bool:
        return self._age_s >= (CLOSING_S + HELD_S + OPENING_S) * self._length

    def _wait(
        self, dice: Dice, per_minute: float, is_speaking: bool, is_phrase_end: bool, saccade_degrees: float
    ) -> None:
        """Lets the wish to blink grow, and blinks when it is strong enough."""
        draws = dice.uniforms("blink", self._count)
        # Two exponential waits in a row: intervals vary widely but blinks seldom follow each other at once.
        enough = -(math.log(1 - draws[0]) + math.log(1 - draws[1])) / 2
        free_interval_s = max(60 / per_minute - REFRACTORY_S - CLOSING_S - HELD_S - OPENING_S, 0.2)
        pace = _PAUSING if is_phrase_end else _SPEAKING if is_speaking else 1.0
        self._waited += pace * TICK_S / free_interval_s
        startled = saccade_degrees > 4 and draws[2] < _SACCADE_SHARE * min(1.0, per_minute / 17)
        if self._waited >= enough or startled:
            self._start(
                dice,
                length=0.85 + 0.35 * draws[3],
                depth=0.95 + 0.05 * draws[4],
                doubles=draws[5] < DOUBLE_SHARE,
            )

    def _start(self, dice: Dice, *, length: float, depth: float, doubles: bool) -> None:
        self._age_s = 0.0
        self._rested_s = 0.0
        self._waited = 0.0
        self._length = length
        self._depth = depth
        self._doubles = doubles
        self._count += 1
