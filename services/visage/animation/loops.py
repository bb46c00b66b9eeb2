"""Life that repeats: noise in a ring, and blinks and looks scheduled within it, so that a loop has no seam.

Nothing is faded over: the last tick of a loop is followed by the first as by any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.blinks import CLOSING_S, DOUBLE_SHARE, HELD_S, OPENING_S, REFRACTORY_S, Blinks
from visage.animation.breathing import QUIET_PERIOD_S, Breath
from visage.animation.controls import Controls, EmotionKey
from visage.animation.dice import Dice, LoopDice
from visage.animation.emotion_table import NEUTRAL, Manner, manners_of
from visage.animation.emotion_track import EmotionTrack
from visage.animation.gaze import Gaze, Look, draw_look
from visage.animation.life import Life
from visage.animation.ticks import TICK_S

Array = NDArray[np.float32]

_WARM_UP_S: Final = 20.0
# A blink with the rest that it needs after it, at its slowest.
_BLINK_S: Final = 1.2 * (CLOSING_S + HELD_S + OPENING_S)
_SHORTEST_LOOK_TICKS: Final = 8


@dataclass(frozen=True, slots=True)
class _Blink:
    length: float
    depth: float
    is_double: bool

    @property
    def room_s(self) -> float:
        """Seconds until the next blink may start."""
        return (2 if self.is_double else 1) * _BLINK_S + REFRACTORY_S + 2 * TICK_S


class LoopedBlinks(Blinks):
    """Blinks at fixed ticks of a loop."""

    def __init__(self, dice: Dice, loop_ticks: int, per_minute: float) -> None:
        """Draws the loop's blinks, double ones counted twice, so that loops of all seeds have the mean rate wanted."""
        super().__init__()
        self._loop_ticks = loop_ticks
        self._tick = -1
        self._schedule = _schedule(dice, loop_ticks, per_minute)

    def _wait(
        self, dice: Dice, per_minute: float, is_speaking: bool, is_phrase_end: bool, saccade_degrees: float
    ) -> None:
        blink = self._schedule.get(self._tick % self._loop_ticks)
        if blink is not None:
            self._start(dice, length=blink.length, depth=blink.depth, doubles=blink.is_double)

    def advance(
        self, dice: Dice, per_minute: float, *, is_speaking: bool, is_phrase_end: bool, saccade_degrees: float
    ) -> float:
        """Returns the closure of the lids one tick later; see `Blinks.advance`."""
        self._tick += 1
        return super().advance(
            dice,
            per_minute,
            is_speaking=is_speaking,
            is_phrase_end=is_phrase_end,
            saccade_degrees=saccade_degrees,
        )


class LoopedGaze(Gaze):
    """Looks that fill a loop exactly."""

    def __init__(self, dice: Dice, loop_ticks: int, tick: int, manner: Manner) -> None:
        """Draws the loop's looks; starts before tick `tick`."""
        super().__init__(tick)
        self._looks = _looks(dice, loop_ticks, manner)

    def _choose(self, dice: Dice, *, is_speaking: bool, manner: Manner) -> Look:
        return self._looks[self._count % len(self._looks)]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """What a performance that repeats is made of.

    Attributes:
        warm_up_ticks: Whole loops to perform before the one that is kept: springs then know what went before.
        life: Starts `warm_up_ticks` before the loop.
        feelings: The same of emotions.
    """

    warm_up_ticks: int
    life: Life
    feelings: EmotionTrack

    @classmethod
    def of(cls, controls: Controls, ticks: int) -> Loop:
        """Makes the parts of a loop of `ticks`; emotion keys repeat with it."""
        period_s = ticks * TICK_S
        warm_up_ticks = ticks * math.ceil(_WARM_UP_S / period_s)
        manners = _manners(controls, ticks, warm_up_ticks)
        mean = Manner(*np.mean(manners, axis=0).tolist())
        breaths = sum(manner.breath_rate for manner in manners) * TICK_S / QUIET_PERIOD_S
        dice = LoopDice(controls.seed, period_s)
        life = Life(
            dice,
            -warm_up_ticks,
            LoopedGaze(dice, ticks, -warm_up_ticks, mean),
            LoopedBlinks(dice, ticks, controls.blinks_per_minute * mean.blinks),
            Breath(-warm_up_ticks, max(1, round(breaths)) / breaths),
        )
        return cls(warm_up_ticks, life, _feelings(controls, ticks, warm_up_ticks))


def _feelings(controls: Controls, ticks: int, warm_up_ticks: int) -> EmotionTrack:
    """The keys in a ring: before the first key of a loop the last one holds."""
    period_s = ticks * TICK_S
    inside = [key for key in controls.emotion_keys if key.at_s < period_s]
    rounds = range(-warm_up_ticks // ticks - 1, 2)
    keys = [EmotionKey(key.at_s + turn * period_s, key.weights) for turn in rounds for key in inside]
    return EmotionTrack(keys, -warm_up_ticks * TICK_S)


def _manners(controls: Controls, ticks: int, warm_up_ticks: int) -> Sequence[Manner]:
    """The manner at each tick of the loop."""
    if not controls.emotion_keys:
        return [NEUTRAL] * ticks
    track = _feelings(controls, ticks, warm_up_ticks)
    weights = np.stack([track.advance() for _ in range(warm_up_ticks + ticks)])[warm_up_ticks:]
    return manners_of(weights * np.float32(controls.emotion_strength), np.zeros(ticks, np.float32))


def _schedule(dice: Dice, loop_ticks: int, per_minute: float) -> Mapping[int, _Blink]:
    """Tick within the loop → blink that starts there."""
    period_s = loop_ticks * TICK_S
    place, chance, *_ = dice.uniforms("blinks", 0)
    wanted = math.floor(per_minute * period_s / 60 + chance)
    blinks: list[_Blink] = []
    while (left := wanted - sum(1 + blink.is_double for blink in blinks)) > 0:
        draws = dice.uniforms("blink", len(blinks))
        blinks.append(_Blink(0.85 + 0.35 * draws[3], 0.95 + 0.05 * draws[4], left > 1 and draws[5] < DOUBLE_SHARE))
    while blinks and sum(blink.room_s for blink in blinks) > period_s:
        blinks.pop()
    # Two exponential waits in a row, as `Blinks` waits, scaled to fill the loop.
    chances = [dice.uniforms("blink", index)[:2] for index in range(len(blinks))]
    waits = np.array([-math.log(1 - first) - math.log(1 - second) for first, second in chances])
    free_s = period_s - sum(blink.room_s for blink in blinks)
    schedule, time_s = {}, place * period_s
    for blink, wait in zip(blinks, waits, strict=True):
        schedule[math.floor(time_s / TICK_S) % loop_ticks] = blink
        time_s += blink.room_s + free_s * wait / waits.sum()
    return schedule


def _looks(dice: Dice, loop_ticks: int, manner: Manner) -> Sequence[Look]:
    """Fixations, whole ticks long, that last a loop together."""
    looks: list[Look] = []
    look, left = Look(0.0, 0.0, 0.0), loop_ticks
    while left > 0:
        look = draw_look(dice, len(looks) + 1, look, is_speaking=False, manner=manner)
        ticks = max(_SHORTEST_LOOK_TICKS, math.ceil(look.length_s / TICK_S))
        if left - ticks < _SHORTEST_LOOK_TICKS:
            ticks = left
        looks.append(Look(look.x_degrees, look.y_degrees, ticks * TICK_S))
        left -= ticks
    return looks
