"""A face that only lives: for a while, from rest to rest, or as a loop that can be repeated without a seam."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls, EmotionKey
from visage.animation.frame_clock import FrameClock
from visage.animation.loops import Loop
from visage.animation.mouths import MouthShapes
from visage.animation.performance import Performance, Ticks
from visage.animation.rhythm import LOOK_AHEAD_TICKS, QUIET_DB
from visage.animation.stage import Output, Stage
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import CurveBlock
from visage.runtime.errors import InvalidField

Array = NDArray[np.float32]

IDLE_S: Final = (1, 600)
"""Shortest and longest idling that is not repeated, in seconds."""
LOOP_S: Final = (2, 120)
"""Shortest and longest loop, in seconds."""
_END: Final = object()
# Ticks performed at a time.
_STRETCH_TICKS: Final = 100
# The end is known from the start, so the head has time to come back.
_SETTLING_S: Final = 0.8


async def animate_idle(
    duration: Fraction, controls: Controls, output: Output, *, is_loop: bool = False
) -> AsyncGenerator[CurveBlock, None]:
    """Yields blocks that cover `duration` seconds; of a loop, duration × rate frames, rounded up, are repeated.

    Raises:
        InvalidField: The duration is out of range.
    """
    shortest_s, longest_s = LOOP_S if is_loop else IDLE_S
    if not shortest_s <= duration <= longest_s:
        limit = f"{shortest_s} to {longest_s} s"
        raise InvalidField("duration", f"must be {limit}{' for a loop' if is_loop else ''}", limit)
    frames = _loop(duration, controls, output) if is_loop else _once(duration, controls, output)
    while True:
        # A cancelled call ends between two stretches.
        block = await asyncio.to_thread(next, frames, _END)
        if block is _END:
            return
        for part in output.cut(block) if isinstance(block, CurveBlock) else ():
            yield part


def _once(duration: Fraction, controls: Controls, output: Output) -> Iterator[CurveBlock | None]:
    """Runs of frames from rest to rest, or None for a stretch that completes none."""
    stage = Stage(controls, output, _SETTLING_S)
    count = stage.clock.ticks_needed(stage.clock.frame_count(duration))
    for start in range(0, count, _STRETCH_TICKS):
        ticks = min(_STRETCH_TICKS, count - start)
        stage.perform(MouthShapes(_still(ticks), np.zeros(ticks, np.float32)), _quiet(ticks))
        yield stage.clock.frames(duration, is_ended=True)


def _loop(duration: Fraction, controls: Controls, output: Output) -> Iterator[CurveBlock | None]:
    """None for each stretch on the way, then the frames of the loop in one run.

    A loop lasts whole frames and whole ticks: the motor clock is stretched by up to half a tick to meet the frames'.
    """
    frame_count = math.ceil(duration * output.frame_rate)
    tick_count = round(frame_count / output.frame_rate * TICK_RATE_HZ)
    stretch = float(Fraction(tick_count, TICK_RATE_HZ) / (frame_count / output.frame_rate))
    keys = tuple(EmotionKey(key.at_s * stretch, key.weights) for key in controls.emotion_keys)
    loop = Loop.of(replace(controls, emotion_keys=keys), tick_count)
    performance = Performance(controls, loop.life, loop.feelings)
    for start in range(0, loop.warm_up_ticks, _STRETCH_TICKS):
        _idle(performance, min(_STRETCH_TICKS, loop.warm_up_ticks - start))
        yield None
    kept: list[Ticks] = []
    for start in range(0, tick_count, _STRETCH_TICKS):
        kept.append(_idle(performance, min(_STRETCH_TICKS, tick_count - start)))
        yield None
    clock = FrameClock(Fraction(frame_count * TICK_RATE_HZ, tick_count))
    # The middle one of three rounds has neighbours at both ends.
    for _ in range(3):
        for ticks in kept:
            clock.push(ticks)
    rounds = clock.frames(Fraction(3 * tick_count, TICK_RATE_HZ), is_ended=False)
    assert rounds is not None and rounds.poses is not None and rounds.emotions is not None
    middle = slice(frame_count, 2 * frame_count)
    yield CurveBlock(0, rounds.curves[middle], rounds.poses[middle], emotions=rounds.emotions[middle])


def _idle(performance: Performance, ticks: int) -> Ticks:
    return performance.advance(_still(ticks), np.zeros(ticks, np.float32), _quiet(ticks))


def _still(ticks: int) -> Array:
    """[ticks, 52] mouth that does not speak."""
    return np.zeros((ticks, CURVE_COUNT), np.float32)


def _quiet(ticks: int) -> Array:
    """[ticks + look-ahead] levels of silence."""
    return np.full(ticks + LOOK_AHEAD_TICKS, QUIET_DB, np.float32)
