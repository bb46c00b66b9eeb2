"""What the upper face adds to speech: brows that mark accents, and a slight smile where a phrase ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from visage.animation.dice import Dice
from visage.animation.rhythm import Beat
from visage.animation.springs import Spring
from visage.animation.ticks import TICK_S

_BROW_SHARE: Final = 0.55
_SMILE_SHARE: Final = 0.6
_WARM_UP_S: Final = 1.0
# A change of the seed in mid-stream must not jerk.
_CATCHING_UP: Final = 0.15


class Expression:
    """Brows, lids, cheeks and smile, tick by tick."""

    def __init__(self, tick: int = 0) -> None:
        """Starts with a neutral face, before tick `tick`."""
        self._brow = Spring(2.0)
        self._smile = Spring(1.3)
        self._brow_target = 0.0
        self._brow_left_s = 0.0
        self._slant = 0.0
        self._mood = 0.0
        self._smile_target = 0.0
        self._smile_left_s = 0.0
        self._tick = tick
        self._age_s = 0.0
        self._accents = 0

    def advance(self, dice: Dice, beat: Beat, blink: float, stress: float = 1.0) -> Mapping[str, float]:
        """Returns coefficients one tick later.

        Args:
            dice: Source of chance.
            beat: The rhythm of speech.
            blink: Closure of the lids, which pulls on brows and cheeks.
            stress: Scale of how far accents raise the brows.
        """
        self._tick += 1
        self._age_s += TICK_S
        self._react(dice, beat)
        time_s = self._tick * TICK_S
        warm = min(1.0, self._age_s / _WARM_UP_S)
        self._mood += (warm * dice.noise("mood", time_s, 2.3) - self._mood) * _CATCHING_UP
        mood = self._mood
        raised = max(0.0, self._brow.advance(stress * self._brow_target) + 0.05 * max(mood, 0.0))
        smile = max(0.0, self._smile.advance(self._smile_target))
        lowered = 0.07 * max(-mood, 0.0) * (0.5 + 0.5 * beat.loudness) + 0.06 * blink
        curves = {"BrowInnerUp": 0.75 * raised}
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            curves[f"BrowOuterUp{side}"] = 0.75 * raised * (1 + sign * self._slant)
            curves[f"BrowDown{side}"] = lowered
            curves[f"EyeWide{side}"] = 0.25 * raised
            curves[f"EyeSquint{side}"] = 0.3 * smile + 0.12 * blink
            curves[f"CheekSquint{side}"] = 0.45 * smile + 0.06 * blink
            curves[f"MouthSmile{side}"] = smile * (1 + 0.5 * sign * self._slant)
        return curves

    def _react(self, dice: Dice, beat: Beat) -> None:
        """Starts and ends what accents and phrases cause."""
        self._brow_left_s -= TICK_S
        self._smile_left_s -= TICK_S
        if self._brow_left_s <= 0:
            self._brow_target = 0.0
        if self._smile_left_s <= 0 or beat.is_speaking:
            self._smile_target = 0.0
        if beat.is_phrase_start:
            self._slant = 0.3 * (dice.uniforms("slant", beat.phrase)[0] - 0.5)
        if beat.accent > 0:
            self._accents += 1
            draw, size, length, *_ = dice.uniforms("brow", self._accents)
            if draw < _BROW_SHARE:
                self._brow_target = (0.14 + 0.26 * size) * (0.5 + 0.5 * beat.accent)
                self._brow_left_s = 0.24 + 0.3 * length
        if beat.is_phrase_end:
            draw, size, length, *_ = dice.uniforms("smile", beat.phrase)
            if draw < _SMILE_SHARE:
                self._smile_target = 0.12 + 0.12 * size
                self._smile_left_s = 0.6 + 0.8 * length
