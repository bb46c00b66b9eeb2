"""Shapes of a mouth in, blocks of frames and notices out."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls
from visage.animation.frame_clock import FrameClock
from visage.animation.mouths import MouthShapes
from visage.animation.performance import Performance
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.curves import CurveBlock

DEFAULT_FRAMES_PER_BLOCK: Final = 8
_SPEECH_TICKS: Final = 15
_SILENCE_NOTICED_TICKS: Final = 5 * TICK_RATE_HZ


@dataclass(frozen=True, slots=True)
class Output:
    """Shape of the curves wanted: frames per second and the most frames in one block."""

    frame_rate: Fraction = Fraction(25)
    frames_per_block: int = DEFAULT_FRAMES_PER_BLOCK


class NoticeKind(enum.Enum):
    """What a stream may be told without ending it."""

    AUDIO_SILENT = "the audio holds no speech; the mouth rests"
    AUDIO_CLIPPED = "more than 1 % of the samples are clipped; lip sync may suffer"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something noticed at a time of the stream, in seconds."""

    kind: NoticeKind
    at: Fraction


class Stage:
    """Performs the mouth's shapes and cuts the performance into blocks."""

    def __init__(self, controls: Controls, output: Output, settling_s: float | None = None) -> None:
        """Starts at rest; the face returns to rest in the last `settling_s` seconds, None for a live stream."""
        self._performance = Performance(controls)
        self._output = output
        self._ticks = 0
        self._speech_ticks = 0
        self._has_noticed_silence = False
        rate = output.frame_rate
        self.clock = FrameClock(rate) if settling_s is None else FrameClock(rate, settling_s, settling_s)

    def perform(
        self, shapes: MouthShapes, levels_db: NDArray[np.float32], changes: Mapping[int, Controls] | None = None
    ) -> None:
        """Performs the next ticks; see `Performance.advance`."""
        self.clock.push(self._performance.advance(shapes.curves, shapes.speech, levels_db, changes))
        self._ticks += len(shapes.speech)
        self._speech_ticks += int((shapes.speech > 0.5).sum())

    def blocks(self, duration: Fraction, *, is_ended: bool) -> Iterator[CurveBlock]:
        """Yields the frames that are final, given how much audio there is; see `FrameClock.frames`."""
        frames = self.clock.frames(duration, is_ended=is_ended)
        if frames is None:
            return
        size = self._output.frames_per_block
        for start in range(0, frames.frame_count, size):
            poses = None if frames.poses is None else frames.poses[start : start + size]
            yield CurveBlock(frames.start_frame + start, frames.curves[start : start + size], poses)

    def silence(self, duration: Fraction, *, is_ended: bool) -> Notice | None:
        """Returns the notice that nobody speaks: once, after five seconds or at the end."""
        is_due = is_ended or self._ticks >= _SILENCE_NOTICED_TICKS
        if self._has_noticed_silence or not is_due or self._speech_ticks >= _SPEECH_TICKS:
            return None
        self._has_noticed_silence = True
        return Notice(NoticeKind.AUDIO_SILENT, min(duration, Fraction(self._ticks, TICK_RATE_HZ)))
