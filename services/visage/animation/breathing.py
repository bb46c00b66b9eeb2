"""Breath: a quiet cycle at rest, a quick inhalation where a phrase ends, a long exhalation while speaking.

Source of the pattern: Hixon, "Kinematics of the chest wall during speech production", 1973 (inhalation takes a tenth
of the cycle in speech and two fifths at rest).
"""

from __future__ import annotations

import math
from typing import Final

from visage.animation.dice import Dice
from visage.animation.rhythm import Beat
from visage.animation.springs import Spring
from visage.animation.ticks import TICK_S

QUIET_PERIOD_S: Final = 4.2
_INHALING_SHARE: Final = 0.4
_INHALATION_S: Final = 0.45
_FALL_PER_S: Final = 0.45
_EMPTIEST: Final = -0.8
# Seconds after a phrase before the quiet cycle is resumed, at the normal rate.
_AFTER_SPEECH_S: Final = 0.7


class Breath:
    """How full the lungs are, -1 to 1, tick by tick."""

    def __init__(self, tick: int = 0, tempo: float = 1.0) -> None:
        """Starts before tick `tick`; `tempo` scales the rate, so that a loop can hold whole breaths."""
        self._tick = tick
        self._tempo = tempo
        self._phase = 0.0
        self._level = Spring(2.2)
        self._since_speech_s = math.inf
        self._phrase_s = 0.0

    def advance(self, dice: Dice, beat: Beat, rate: float) -> float:
        """Returns the level one tick later; `rate` scales breaths a minute."""
        time_s = self._tick * TICK_S
        self._tick += 1
        self._phase = (self._phase + self._tempo * rate * TICK_S / QUIET_PERIOD_S) % 1.0
        target = self._target(beat, rate) * (1 + 0.2 * dice.noise("breath", time_s, 6.0))
        return self._level.advance(target)

    def _target(self, beat: Beat, rate: float) -> float:
        if beat.is_speaking:
            self._phrase_s = 0.0 if beat.is_phrase_start else self._phrase_s + TICK_S
            self._since_speech_s = 0.0
            return max(_EMPTIEST, 0.9 - _FALL_PER_S * rate * self._phrase_s)
        self._since_speech_s += TICK_S
        if self._since_speech_s * rate < _AFTER_SPEECH_S:
            # The quiet cycle goes on from full lungs.
            self._phase = _INHALING_SHARE
            return 0.9
        return quiet_level(self._phase)


def quiet_level(phase: float) -> float:
    """Level at `phase` 0..1 of a quiet breath: rises in the first two fifths, falls in the rest."""
    if phase < _INHALING_SHARE:
        return -math.cos(math.pi * phase / _INHALING_SHARE)
    return math.cos(math.pi * (phase - _INHALING_SHARE) / (1 - _INHALING_SHARE))
