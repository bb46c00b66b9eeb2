"""Forms of delivery behind one face: fragmented MP4, or raw frames beside sound. CPU work, each on its own thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Protocol

import av

from visage.composition.framer import Framer
from visage.composition.mp4 import SOUND_LEAD_S, Mp4Writer
from visage.composition.pictures import packed_bytes
from visage.composition.soundtrack import Soundtrack
from visage.composition.values import (
    Delivered,
    Frames,
    Header,
    Mp4Delivery,
    Pcm,
    RawDelivery,
    RawFrame,
    RawSound,
    Video,
)
from visage.media.timeline import Timeline


class Writer(Protocol):
    """Turns pictures and sound into parts of a stream; used by one thread at a time."""

    header: Header

    def add(self, picture: av.VideoFrame, sound: Pcm) -> list[Delivered]:
        """Takes the next picture and more sound; returns the parts that got ready."""

    def finish(self, sound: Pcm) -> list[Delivered]:
        """Takes the last sound; returns the last parts."""

    def close(self) -> None:
        """Frees what it holds, also in the middle of a stream."""


class RawWriter:
    """Each frame follows the sound that is heard with it."""

    def __init__(
        self, width: int, height: int, frame_rate: Fraction, delivery: RawDelivery, sample_rate_hz: int | None
    ) -> None:
        self.header = Header(width, height, frame_rate, layout=delivery.layout, sample_rate_hz=sample_rate_hz)
        self._timeline = Timeline(frame_rate)
        self._frame_count = 0
        self._sample_count = 0

    def add(self, picture: av.VideoFrame, sound: Pcm) -> list[Delivered]:
        """Returns the sound, if any, and the picture's bytes."""
        index = self._frame_count
        self._frame_count += 1
        parts = self._sound(sound)
        frame = RawFrame(index, self._timeline.start_of(index), packed_bytes(picture), self._skew_s())
        return [*parts, frame]

    def finish(self, sound: Pcm) -> list[Delivered]:
        """Returns the sound, if any."""
        return self._sound(sound)

    def close(self) -> None:
        """Nothing is held."""

    def _skew_s(self) -> Fraction | None:
        rate_hz = self.header.sample_rate_hz
        if rate_hz is None:
            return None
        return Fraction(self._sample_count, rate_hz) - self._timeline.start_of(self._frame_count)

    def _sound(self, samples: Pcm) -> list[Delivered]:
        rate_hz = self.header.sample_rate_hz
        if rate_hz is None or len(samples) == 0:
            return []
        start_s = Fraction(self._sample_count, rate_hz)
        self._sample_count += len(samples)
        return [RawSound(start_s, rate_hz, samples.astype("<i2").tobytes())]


class Delivery:
    """A writer at work off the event loop, fed from a soundtrack on the frames' clock.

    Attributes:
        header: What the stream carries.
        frame_count: Frames delivered so far.
    """

    def __init__(
        self,
        writer: Writer,
        on_thread: Callable[[Callable[[], list[Delivered]]], asyncio.Future[list[Delivered]]],
        soundtrack: Soundtrack | None,
        sound_lead_s: Fraction,
    ) -> None:
        self._writer = writer
        self._on_thread = on_thread
        self._soundtrack = soundtrack
        self._sound_lead_s = sound_lead_s
        self._timeline = Timeline(writer.header.frame_rate)
        self.header = writer.header
        self.frame_count = 0

    @property
    def delivered_s(self) -> Fraction:
        """End of the last frame delivered."""
        return self._timeline.start_of(self.frame_count)

    async def add(self, frame: Frames, framer: Framer) -> list[Delivered]:
        """Delivers the next rendered frame as `framer` shows it; returns the parts that got ready."""
        self.frame_count += 1
        sound = _SILENCE
        if self._soundtrack is not None:
            rate_hz = self._soundtrack.sample_rate_hz
            lead = int(self._sound_lead_s * rate_hz)
            sound = self._soundtrack.take(self._timeline.sample_at(self.frame_count, rate_hz) + lead)
        return await self._on_thread(lambda: self._writer.add(framer.draw(frame), sound))

    async def finish(self) -> list[Delivered]:
        """Delivers the rest of the sound, and silence if the pictures last longer; returns the last parts."""
        sound = _SILENCE
        if self._soundtrack is not None:
            rate_hz = self._soundtrack.sample_rate_hz
            sound = self._soundtrack.take_rest(self._timeline.sample_at(self.frame_count, rate_hz))
        return await self._on_thread(lambda: self._writer.finish(sound))


_SILENCE = Soundtrack(1).take(0)


@asynccontextmanager
async def open_delivery(video: Video, frame_rate: Fraction, soundtrack: Soundtrack | None) -> AsyncIterator[Delivery]:
    """Opens the delivery that a video asks for, with a thread of its own; a mute one drops the sound."""
    form = video.delivery
    is_mute = isinstance(form, Mp4Delivery) and form.is_mute
    rate_hz = soundtrack.sample_rate_hz if soundtrack is not None and not is_mute else None
    executor = ThreadPoolExecutor(1, thread_name_prefix="delivery")
    loop = asyncio.get_running_loop()

    def open_writer() -> Writer:
        if isinstance(form, Mp4Delivery):
            return Mp4Writer(video.width, video.height, frame_rate, form, rate_hz)
        return RawWriter(video.width, video.height, frame_rate, form, rate_hz)

    opening = executor.submit(open_writer)
    try:
        writer = await asyncio.wrap_future(opening)
        lead_s = SOUND_LEAD_S if isinstance(form, Mp4Delivery) else Fraction(0)
        yield Delivery(writer, lambda work: loop.run_in_executor(executor, work), soundtrack, lead_s)
    finally:
        # A cancelled call leaves its last frame to the thread; closing waits behind it, but not here.
        executor.submit(_close, opening)
        executor.shutdown(wait=False)


def _close(opening: Future[Writer]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
