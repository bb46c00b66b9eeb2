"""A film whose face is taken over, along with its sound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction

from visage.composition.drivers import OpenDriver
from visage.composition.flow import Channel
from visage.composition.ports import Animation, FilmCall
from visage.composition.soundtrack import Soundtrack
from visage.composition.stages import Run
from visage.composition.values import Sound
from visage.media.curves import CurveBlock
from visage.media.timeline import Timeline
from visage.runtime.wire import CurveReader
from visage.v1 import curves_pb2, driving_pb2


@dataclass(frozen=True, slots=True)
class FilmDriver:
    """A film, its sound where it has one, and the animation service, which answers when it has seen all of it."""

    animation: Animation
    film: bytes
    sound: Sound | None
    frame_rate: Fraction
    field: str
    controls: curves_pb2.PerformanceControls
    driving: driving_pb2.DrivingOptions
    include_curves: bool

    @asynccontextmanager
    async def open(self, run: Run) -> AsyncIterator[OpenDriver]:
        """Opens the animation."""
        remaining_s = run.deadline.remaining_s()
        async with self.animation.follow(self.frame_rate, self.controls, self.driving, remaining_s) as call:
            yield _FollowedFilm(self, call, run)


class _FollowedFilm:
    def __init__(self, driver: FilmDriver, call: FilmCall, run: Run) -> None:
        sound = driver.sound
        self.soundtrack: Soundtrack | None = None if sound is None else Soundtrack(sound.sample_rate_hz)
        self._driver = driver
        self._call = call
        self._run = run

    async def perform(self, blocks: Channel[CurveBlock]) -> None:
        reader: CurveReader | None = None
        await self._call.show(self._driver.film)
        messages = aiter(self._call)
        while True:
            with self._run.clock.busy("animation"):
                message = await anext(messages, None)
            if message is None:
                break
            if not isinstance(message, curves_pb2.CurveHeader | curves_pb2.CurveBlock) or self._driver.include_curves:
                await self._run.outlet.put(message)
            if isinstance(message, curves_pb2.CurveHeader):
                reader = CurveReader.of(message)
            elif isinstance(message, curves_pb2.CurveBlock) and reader is not None:
                block = reader.read(message)
                self._play(block)
                await blocks.put(block)
        blocks.close()

    def _play(self, block: CurveBlock) -> None:
        """Adds the sound of a block's time; what the film has beyond its pictures is not heard."""
        sound = self._driver.sound
        if sound is None or self.soundtrack is None:
            return
        timeline = Timeline(self._driver.frame_rate)
        start, end = (timeline.sample_at(frame, sound.sample_rate_hz) for frame in (block.start_frame, block.end_frame))
        self.soundtrack.add(sound.samples[start:end])
