"""Audio to curves, live: a reader cuts the stream into hops, the mouth of each is made, a stage performs them in order.

The curves of frame i belong to the middle of its interval on the audio's clock: they neither lead nor lag. They come
when they are final: the first one after 0.14 s of audio at 16 kHz (resampling adds up to 20 ms, upwards 80), later ones
0.22 to 0.27 s of audio after their middle, the time of the network not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.audio_intake import AudioIntake
from visage.animation.audio_source import SourceFormat
from visage.animation.controls import Controls
from visage.animation.hop_queue import Hop, HopQueue
from visage.animation.mouths import LIVE_HOP_TICKS, HeardMouth, Mouth, TimedMouth
from visage.animation.ports import LipSyncModel
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.animation.stage import Notice, NoticeKind, Output, Stage
from visage.animation.ticks import TICK_SAMPLES, tick_at
from visage.animation.voice_emotion import VoiceEmotion
from visage.animation.voice_features import MARGIN_SAMPLES, voice_features
from visage.media.curves import CurveBlock
from visage.media.phones import TimedPhone
from visage.runtime.errors import InvalidField

# Bytes above which reading a piece is moved off the event loop.
_LARGE_PIECE_BYTES: Final = 32_768
_TIME_TOLERANCE_S: Final = 0.02
# Resampling upwards holds back 0.1 s; shorter hops make up for it.
_SLOW_RATE_HZ: Final = 16_000
_SHORT_HOP_TICKS: Final = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a stream may be, and how many windows of it may be with the network at a time."""

    longest_s: float = 600.0
    windows_in_flight: int = 8


@dataclass(frozen=True, slots=True)
class AudioAnimation:
    """What is to be made of a stream.

    Attributes:
        source: How to read the bytes.
        output: Shape of the curves.
        controls: How to perform, until a `ControlsPiece` changes it.
        is_timed: The mouth follows phones that are told.
        hears_emotions: Emotions are read from the voice.
    """

    source: SourceFormat
    output: Output = field(default_factory=Output)
    controls: Controls = field(default_factory=Controls)
    is_timed: bool = False
    hears_emotions: bool = True


@dataclass(frozen=True, slots=True)
class AudioPiece:
    """The next bytes of the stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TimingPiece:
    """The next phones, ascending; each comes before its audio."""

    phones: Sequence[TimedPhone]


@dataclass(frozen=True, slots=True)
class ControlsPiece:
    """Another setting, from where the audio now stands."""

    controls: Controls


Piece = AudioPiece | TimingPiece | ControlsPiece


class AnimateFromAudio:
    """Makes curves from streams of audio."""

    def __init__(self, model: LipSyncModel, limits: Limits | None = None) -> None:
        """Takes the network and the limits of a stream."""
        self._model = model
        self._limits = limits or Limits()

    async def __call__(
        self, animation: AudioAnimation, pieces: AsyncIterator[Piece]
    ) -> AsyncGenerator[CurveBlock | Notice, None]:
        """Yields blocks and notices; frames cover the audio: duration × rate, rounded up.

        Raises:
            InvalidField: Timing without `is_timed`, or after its audio.
            MediaUndecodable: The bytes are not what was announced, or there are none.
            StreamTooLong: Over the limit.
            VisageError: The network cannot be reached.
        """
        stage, voice = Stage(animation.controls, animation.output), VoiceEmotion()
        reader = _Reader(animation, self._model, self._limits, stage)
        reading = asyncio.create_task(reader.read(pieces))
        queue, intake, is_clipping_told = reader.queue, reader.intake, False
        try:
            while True:
                hop = await queue.next()
                if hop is not None:
                    shapes = reader.mouth.complete(await hop.begun, hop.levels_db)
                    heard = None if hop.sound is None else voice.advance(hop.sound, shapes.speech)
                    stage.perform(shapes, hop.levels_db[: len(shapes.speech) + LOOK_AHEAD_TICKS], hop.changes, heard)
                for block in stage.blocks(queue.duration, is_ended=queue.is_ended):
                    yield block
                if intake.clipped_at is not None and not is_clipping_told:
                    is_clipping_told = True
                    yield Notice(NoticeKind.AUDIO_CLIPPED, intake.clipped_at)
                silence = stage.silence(queue.duration, is_ended=queue.is_drained)
                if silence is not None:
                    yield silence
                if queue.is_drained:
                    return
        finally:
            reading.cancel()
            queue.discard()
            with suppress(asyncio.CancelledError):
                await reading


class _Reader:
    """Reads pieces, keeps the books, and starts the mouth of every hop as soon as its audio is there."""

    def __init__(self, animation: AudioAnimation, model: LipSyncModel, limits: Limits, stage: Stage) -> None:
        self._animation = animation
        self._clock = stage.clock
        self._model = model
        self._next_tick = 0
        self._changes: dict[int, Controls] = {}
        self._listens = animation.hears_emotions and animation.controls.detected_emotion_mix > 0
        self._timed = TimedMouth() if animation.is_timed else None
        self._heard: HeardMouth | None = None
        self.queue = HopQueue(limits.windows_in_flight)
        self.intake = AudioIntake(animation.source, limits.longest_s)

    @property
    def mouth(self) -> Mouth:
        """Makes the shapes; known once there is audio."""
        if self._timed is not None:
            return self._timed
        if self._heard is None:
            slow = self.intake.sample_rate_hz < _SLOW_RATE_HZ
            self._heard = HeardMouth(self._model, _SHORT_HOP_TICKS if slow else LIVE_HOP_TICKS)
        return self._heard

    async def read(self, pieces: AsyncIterator[Piece]) -> None:
        """Reads to the end; an error goes to the queue, behind what was read before it."""
        try:
            async for piece in pieces:
                if isinstance(piece, AudioPiece):
                    await self._hear(piece.data)
                elif isinstance(piece, ControlsPiece):
                    self._changes[tick_at(self.intake.duration)] = piece.controls
                else:
                    self._time(piece.phones)
            await self.intake.finish()
            await self._dispatch(self._clock.ticks_needed(self._clock.frame_count(self.intake.duration)))
            self.queue.finish(self.intake.duration)
        except Exception as error:
            self.queue.fail(error)

    async def _hear(self, data: bytes) -> None:
        if len(data) > _LARGE_PIECE_BYTES:
            await asyncio.to_thread(self.intake.push, data)
        else:
            self.intake.push(data)
        self.queue.progress(self.intake.duration)
        if self.intake.history.end:
            await self._dispatch()

    def _time(self, phones: Sequence[TimedPhone]) -> None:
        if self._timed is None:
            raise InvalidField("timing", "config.timed was not set")
        if not phones:
            return
        heard_s = float(self.intake.duration)
        if phones[0].start_s < max(heard_s, self._timed.end_s) - _TIME_TOLERANCE_S:
            raise InvalidField(
                "timing.phonemes[0].start_offset",
                f"{phones[0].start_s:.3f} s is over already: audio reaches {heard_s:.3f} s, "
                f"phonemes {self._timed.end_s:.3f} s",
            )
        self._timed.add(phones)

    async def _dispatch(self, last_tick: int | None = None) -> None:
        """Starts all hops whose audio is there; with `last_tick`, at the end, all up to it."""
        mouth, intake = self.mouth, self.intake
        while True:
            hop_ticks = mouth.hop_ticks(self._next_tick)
            stop = self._next_tick + hop_ticks
            if last_tick is None:
                is_due = (stop + mouth.look_ahead_ticks) * TICK_SAMPLES <= intake.history.end
            else:
                is_due = self._next_tick < last_tick
            if not is_due:
                return
            levels_db = intake.levels_db(self._next_tick, hop_ticks + mouth.look_ahead_ticks)
            changes = {tick - self._next_tick: c for tick, c in self._changes.items() if tick < stop}
            self._changes = {tick: c for tick, c in self._changes.items() if tick >= stop}
            sound = self._listen(stop, changes.values())
            begun = asyncio.ensure_future(mouth.begin(self._next_tick, intake))
            begun.add_done_callback(_retrieve)
            self._next_tick = stop
            await self.queue.put(Hop(begun, levels_db, changes, sound))

    def _listen(self, stop: int, changes: Iterable[Controls]) -> NDArray[np.float32] | None:
        """Features of the ticks from the next one to `stop`, once somebody wants to hear emotions."""
        wants = any(controls.detected_emotion_mix > 0 for controls in changes)
        self._listens = self._listens or (self._animation.hears_emotions and wants)
        if not self._listens:
            return None
        start = self._next_tick * TICK_SAMPLES - MARGIN_SAMPLES
        return voice_features(self.intake.history.read(start, stop * TICK_SAMPLES + MARGIN_SAMPLES))


def _retrieve(begun: asyncio.Future[object]) -> None:
    """Marks an error as seen: nobody waits for the hops after the first that fails."""
    if not begun.cancelled():
        begun.exception()
