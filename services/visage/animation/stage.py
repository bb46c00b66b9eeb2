"""Shapes of a mouth in, blocks of frames and notices out."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls
from visage.animation.frame_clock import FrameClock
from visage.animation.mouths import MouthShapes
from visage.animation.performance import Performance
from visage.animation.phone_track import PhoneTrack
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.curves import ARKIT_SCHEMA, CurveBlock

DEFAULT_FRAMES_PER_BLOCK: Final = 8
_SPEECH_TICKS: Final = 15
_SILENCE_NOTICED_TICKS: Final = 5 * TICK_RATE_HZ


@dataclass(frozen=True, slots=True)
class Output:
    """Shape of the curves wanted.

    Attributes:
        frame_rate: Frames per second.
        frames_per_block: The most frames in one block.
        schema: The layout's resource name.
        include_emotion: Whether the emotions in effect come along.
    """

    frame_rate: Fraction = Fraction(25)
    frames_per_block: int = DEFAULT_FRAMES_PER_BLOCK
    schema: str = ARKIT_SCHEMA
    include_emotion: bool = False

    def cut(self, frames: CurveBlock) -> Iterator[CurveBlock]:
        """Yields frames in blocks of this shape."""
        return cut(frames if self.include_emotion else replace(frames, emotions=None), self.frames_per_block)


class NoticeKind(enum.Enum):
    """What a stream may be told without ending it."""

    AUDIO_SILENT = "the audio holds no speech; the mouth rests"
    AUDIO_CLIPPED = "more than 1 % of the samples are clipped; lip sync may suffer"
    FACE_LOST = "there is no usable face for a while; the last one fades to rest"
    SEVERAL_FACES = "there are several faces; one is followed"
    VALUE_CLAMPED = "values were out of range and clamped"
    RECORDING_MENDED = "values are missing, repeated or not plausible, and were filled in"
    CHANNEL_IGNORED = "a channel is not known or has no use and is left out"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something noticed at a time of the stream, in seconds; `details` as `visage.v1.StreamNotice` lists them."""

    kind: NoticeKind
    at: Fraction
    details: Mapping[str, str] = field(default_factory=dict)


def cut(block: CurveBlock, size: int) -> Iterator[CurveBlock]:
    """Yields the frames of a block, at most `size` at a time."""
    for start in range(0, block.frame_count, size):
        yield block.part(start, start + size)


class Stage:
    """Performs the mouth's shapes and cuts the performance into blocks."""

    def __init__(self, controls: Controls, output: Output, settling_s: float | None = None) -> None:
        """Starts at rest; the face returns to rest in the last `settling_s` seconds, None for a live stream."""
        self._performance = Performance(controls)
        self._output = output
        self._ticks = 0
        self._speech_ticks = 0
        self._has_noticed_silence = False
        self._phones = PhoneTrack(output.frame_rate)
        rate = output.frame_rate
        self.clock = FrameClock(rate) if settling_s is None else FrameClock(rate, settling_s, settling_s)

    def perform(
        self,
        shapes: MouthShapes,
        levels_db: NDArray[np.float32],
        changes: Mapping[int, Controls] | None = None,
        heard: NDArray[np.float32] | None = None,
    ) -> None:
        """Performs the next ticks; see `Performance.advance`."""
        self.clock.push(self._performance.advance(shapes.curves, shapes.speech, levels_db, changes, heard))
        self._phones.push(shapes.phones)
        self._ticks += len(shapes.speech)
        self._speech_ticks += int((shapes.speech > 0.5).sum())

    def blocks(self, duration: Fraction, *, is_ended: bool) -> Iterator[CurveBlock]:
        """Yields the frames that are final, given how much audio there is; see `FrameClock.frames`."""
        frames = self.clock.frames(duration, is_ended=is_ended)
        if frames is not None:
            phones = self._phones.frames(frames.start_frame, frames.frame_count)
            yield from self._output.cut(replace(frames, phones=phones))

    def silence(self, duration: Fraction, *, is_ended: bool) -> Notice | None:
        """Returns the notice that nobody speaks: once, after five seconds or at the end."""
        is_due = is_ended or self._ticks >= _SILENCE_NOTICED_TICKS
        if self._has_noticed_silence or not is_due or self._speech_ticks >= _SPEECH_TICKS:
            return None
        self._has_noticed_silence = True
        return Notice(NoticeKind.AUDIO_SILENT, min(duration, Fraction(self._ticks, TICK_RATE_HZ)))
