"""The verb behind RenderCurves: curves as they come to mute pictures."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from fractions import Fraction

from visage.composition.drivers import CurveStreamDriver
from visage.composition.flow import stream
from visage.composition.frame_rates import agreed_frame_rate
from visage.composition.production import Production, Studio
from visage.composition.remainder import FROM_THE_START, ResumePoint
from visage.composition.values import Part, Scene
from visage.media.curves import CurveBlock
from visage.media.timeline import Timeline
from visage.runtime.errors import InvalidField, StreamTooLong
from visage.runtime.wire import CurveReader
from visage.v1 import curves_pb2


class RenderCurves:
    """Renders streams of curves."""

    def __init__(self, studio: Studio, max_duration_s: float) -> None:
        self._studio = studio
        self._max_duration_s = max_duration_s

    def __call__(
        self,
        scene: Scene,
        header: curves_pb2.CurveHeader,
        blocks: AsyncIterable[curves_pb2.CurveBlock],
        deadline_s: float,
        include_quality: bool = False,
        resume: ResumePoint = FROM_THE_START,
    ) -> AsyncGenerator[Part, None]:
        """Yields the parts of the stream.

        Args:
            scene: Who, where, how big.
            header: Of the blocks.
            blocks: As the caller sends them, from frame 0 on without gaps.
            deadline_s: Seconds for all of it.
            include_quality: Also measure the clip, into its summary.
            resume: After what the caller has of an earlier stream of the same request.

        Raises:
            InvalidField: The header or a block breaks a rule.
        """
        reader = CurveReader.of(header, "config.header")
        frame_rate = agreed_frame_rate(scene, reader.frame_rate, "config.header.frame_rate")
        source = self._read(reader, frame_rate, blocks)
        driver = CurveStreamDriver(frame_rate, "block", source)
        production = Production(self._studio, scene, deadline_s, include_quality, resume)
        return stream(lambda outlet: production.run(driver, outlet))

    async def _read(
        self, reader: CurveReader, frame_rate: Fraction, messages: AsyncIterable[curves_pb2.CurveBlock]
    ) -> AsyncIterator[CurveBlock]:
        timeline = Timeline(frame_rate)
        frame = 0
        async for message in messages:
            if message.start_frame != frame:
                raise InvalidField("block.start_frame", f"must be {frame}, the frame after the last one sent", frame)
            block = reader.read(message, "block")
            frame = block.end_frame
            if timeline.start_of(frame) > self._max_duration_s:
                raise StreamTooLong(f"{self._max_duration_s:g} s", f"{float(timeline.start_of(frame)):.1f} s")
            yield block
