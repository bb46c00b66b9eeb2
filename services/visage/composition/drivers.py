"""What moves the face: curves that are given, or sound that the animation service turns into curves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np

from visage.composition.flow import Channel
from visage.composition.ports import Animation, AnimationCall
from visage.composition.soundtrack import Soundtrack
from visage.composition.stages import Run
from visage.composition.values import Sound
from visage.media.curves import CurveBlock, CurveClip
from visage.media.portrait import FRAMES_PER_ITEM
from visage.runtime.wire import CurveReader, curve_block_message, curve_header_message
from visage.v1 import curves_pb2

CHUNK_S: Final = 0.2
"""Length of the pieces in which a whole recording is handed to animation."""


class OpenDriver(Protocol):
    """A driver at work.

    Attributes:
        soundtrack: Sound that belongs to the curves; None where there is none.
    """

    soundtrack: Soundtrack | None

    async def perform(self, blocks: Channel[CurveBlock]) -> None:
        """Puts all curves into `blocks` and closes it; sound is in the soundtrack before its curves are there."""


class Driver(Protocol):
    """Something that moves a face."""

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second of its curves."""

    @property
    def field(self) -> str:
        """Path of the request's field that it came from."""

    def open(self, run: Run) -> AbstractAsyncContextManager[OpenDriver]:
        """Starts work for one stream; leaving the context ends what it called."""


@dataclass(frozen=True, slots=True)
class CurveStreamDriver:
    """Blocks as they come."""

    frame_rate: Fraction
    field: str
    blocks: AsyncIterable[CurveBlock]

    @asynccontextmanager
    async def open(self, run: Run) -> AsyncIterator[OpenDriver]:
        """Nothing is to be opened."""
        yield _Blocks(self.blocks)


class _Blocks:
    soundtrack: Soundtrack | None = None

    def __init__(self, source: AsyncIterable[CurveBlock]) -> None:
        self._source = source

    async def perform(self, blocks: Channel[CurveBlock]) -> None:
        async for block in self._source:
            await blocks.put(block)
        blocks.close()


@dataclass(frozen=True, slots=True)
class ClipDriver:
    """A whole clip; its curves go to the caller as well if `include_curves`."""

    clip: CurveClip
    field: str
    include_curves: bool

    @property
    def frame_rate(self) -> Fraction:
        """The clip's own."""
        return self.clip.frame_rate

    @asynccontextmanager
    async def open(self, run: Run) -> AsyncIterator[OpenDriver]:
        """Nothing is to be opened."""
        yield _Blocks(self._blocks(run))

    async def _blocks(self, run: Run) -> AsyncIterator[CurveBlock]:
        if self.include_curves:
            await run.outlet.put(curve_header_message(self.frame_rate))
        for block in self.clip.blocks(FRAMES_PER_ITEM):
            if self.include_curves:
                await run.outlet.put(curve_block_message(block))
            yield block


@dataclass(frozen=True, slots=True)
class SoundDriver:
    """A recording and the animation service; sound runs at most `lead_s` seconds ahead of the pictures."""

    animation: Animation
    sound: Sound
    frame_rate: Fraction
    field: str
    controls: curves_pb2.PerformanceControls
    include_curves: bool
    lead_s: float

    @asynccontextmanager
    async def open(self, run: Run) -> AsyncIterator[OpenDriver]:
        """Opens the animation."""
        rate_hz = self.sound.sample_rate_hz
        remaining_s = run.deadline.remaining_s()
        async with self.animation.animate(rate_hz, self.frame_rate, self.controls, False, remaining_s) as call:
            yield _AnimatedSound(self, call, run)


class _AnimatedSound:
    def __init__(self, driver: SoundDriver, call: AnimationCall, run: Run) -> None:
        self.soundtrack: Soundtrack | None = Soundtrack(driver.sound.sample_rate_hz)
        self._driver = driver
        self._run = run
        self._mouth = Mouth(call, self.soundtrack, run, driver.include_curves)

    async def perform(self, blocks: Channel[CurveBlock]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mouth.move(blocks))
            group.create_task(self._play())

    async def _play(self) -> None:
        samples = self._driver.sound.samples
        step = round(CHUNK_S * self._driver.sound.sample_rate_hz)
        for start in range(0, len(samples), step):
            await self._run.lead.wait_below(self._driver.lead_s)
            await self._mouth.hear(samples[start : start + step].astype("<i2").tobytes())
        self._mouth.end()


class Mouth:
    """Sound into the animation service, its curves out of it."""

    def __init__(self, call: AnimationCall, soundtrack: Soundtrack, run: Run, include_curves: bool) -> None:
        self._call = call
        self._soundtrack = soundtrack
        self._run = run
        self._include_curves = include_curves
        self._waiting: Channel[bytes | curves_pb2.SpeechTiming] = Channel(2)

    async def hear(self, item: bytes | curves_pb2.SpeechTiming) -> None:
        """Takes LINEAR16 bytes, or the timing of sound that follows."""
        if isinstance(item, bytes):
            samples = np.frombuffer(item, "<i2")
            self._soundtrack.add(samples.astype(np.int16))
            self._run.lead.receive(len(samples) / self._soundtrack.sample_rate_hz)
        await self._waiting.put(item)

    def end(self) -> None:
        """Says that no sound follows."""
        self._waiting.close()

    async def move(self, blocks: Channel[CurveBlock]) -> None:
        """Sends what is heard and puts the curves into `blocks`, until both have ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            group.create_task(self._read(blocks))

    async def _send(self) -> None:
        async for item in self._waiting:
            await self._call.send(item)
        await self._call.finish()

    async def _read(self, blocks: Channel[CurveBlock]) -> None:
        reader: CurveReader | None = None
        messages = aiter(self._call)
        while True:
            with self._run.clock.busy("animation"):
                message = await anext(messages, None)
            if message is None:
                break
            if not isinstance(message, curves_pb2.CurveHeader | curves_pb2.CurveBlock) or self._include_curves:
                await self._run.outlet.put(message)
            if isinstance(message, curves_pb2.CurveHeader):
                reader = CurveReader.of(message)
            elif isinstance(message, curves_pb2.CurveBlock) and reader is not None:
                await blocks.put(reader.read(message))
        blocks.close()
