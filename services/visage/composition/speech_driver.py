"""Text that is spoken, and the face that speaks it, while the pictures already go out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from visage.composition.drivers import Mouth, OpenDriver
from visage.composition.flow import Channel
from visage.composition.ports import Animation, Speech, SpeechCall
from visage.composition.soundtrack import Soundtrack
from visage.composition.stages import Run
from visage.media.curves import CurveBlock
from visage.v1 import curves_pb2, errors_pb2, speech_service_pb2

_PIECE: Final = re.compile(r".*?(?:[.!?…;:,]+[\"'”’»)\]]*\s+|[。！？｡।॥؟۔、，]+|\n\s*|$)", re.DOTALL)
_PATIENCE_S: Final = 0.1
"""A clause comes as a burst of sound; after a pause of this length it is complete, or waits for the text behind it."""


def pieces_of(text: str) -> list[str]:
    """Returns `text` cut behind every mark that may end a clause; joined, the pieces are the text."""
    return [piece for piece in _PIECE.findall(text) if piece]


@dataclass(frozen=True, slots=True)
class SpeechDriver:
    """Text, the speech service and the animation service.

    Text is sent piece by piece, so that speech is made at most `lead_s` seconds ahead of the pictures; an SSML
    document, in place of the text, is sent whole.
    """

    speech: Speech
    animation: Animation
    text: str
    options: speech_service_pb2.SynthesisOptions
    frame_rate: Fraction
    field: str
    controls: curves_pb2.PerformanceControls
    include_curves: bool
    include_timing: bool
    lead_s: float
    ssml: str = ""

    @asynccontextmanager
    async def open(self, run: Run) -> AsyncIterator[OpenDriver]:
        """Opens synthesis and animation."""
        async with self.speech.speak(self.options, run.deadline.remaining_s()) as speech:
            with run.clock.busy("speech"):
                rate_hz = await speech.sample_rate_hz()
            remaining_s = run.deadline.remaining_s()
            async with self.animation.animate(rate_hz, self.frame_rate, self.controls, True, remaining_s) as call:
                soundtrack = Soundtrack(rate_hz)
                yield _Talk(self, speech, soundtrack, Mouth(call, soundtrack, run, self.include_curves), run)


class _Talk:
    def __init__(self, driver: SpeechDriver, speech: SpeechCall, soundtrack: Soundtrack, mouth: Mouth, run: Run):
        self.soundtrack: Soundtrack | None = soundtrack
        self._driver = driver
        self._speech = speech
        self._mouth = mouth
        self._run = run

    async def perform(self, blocks: Channel[CurveBlock]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mouth.move(blocks))
            group.create_task(self._say())
            group.create_task(self._listen())

    async def _say(self) -> None:
        lead = self._run.lead
        if self._driver.ssml:
            await self._speech.say_document(self._driver.ssml)
        for piece in pieces_of(self._driver.text):
            await lead.wait_below(self._driver.lead_s)
            await self._speech.say(piece)
            await lead.wait_for_quiet(_PATIENCE_S)
        await self._speech.finish()

    async def _listen(self) -> None:
        messages = aiter(self._speech)
        while True:
            await self._run.lead.wait_below(self._driver.lead_s)
            with self._run.clock.busy("speech"):
                message = await anext(messages, None)
            if message is None:
                break
            if isinstance(message, errors_pb2.StreamNotice):
                await self._run.outlet.put(message)
                continue
            if isinstance(message, curves_pb2.SpeechTiming) and self._driver.include_timing:
                await self._run.outlet.put(message)
            await self._mouth.hear(message)
        self._mouth.end()
