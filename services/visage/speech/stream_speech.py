"""The verb behind StreamSynthesizeSpeech: text in pieces to timing and sound, clause by clause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Final

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.runtime.errors import StreamTooLong
from visage.speech.clauses import Clause, ClauseSplitter
from visage.speech.narrator import Delivery, Narrator
from visage.speech.ports import SpeechEngine
from visage.speech.synthesize_speech import nothing_to_say
from visage.speech.utterance import Timing

MAX_TEXT_LENGTH: Final = 10_000
CHUNK_S: Final = 0.2
_CLAUSES_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Flush:
    """Speak what is pending now."""


@dataclass(frozen=True, slots=True)
class Sound:
    """[samples] at the delivery's rate, beginning `start_s` seconds into the stream."""

    samples: FloatPcm
    start_s: float


async def stream_speech(
    pieces: AsyncIterable[str | Flush], field: str, delivery: Delivery, engines: Mapping[str, SpeechEngine]
) -> AsyncGenerator[Timing | Sound, None]:
    """Yields the timing of each clause, then its sound in pieces of 0.2 s; the next clause waits for its reader.

    Text is read ahead by a few clauses, so that a wrong message is noticed early and a fast writer is held back.

    Args:
        pieces: Text, split anywhere.
        field: Path of the messages' field that holds text, for errors.
        delivery: Voice, rate and prosody.
        engines: By name.

    Raises:
        InvalidField: Nothing in the whole text can be said with this voice.
        StreamTooLong: More than 10,000 characters.
        ModelUnavailable: The engine cannot do it now.
    """
    narrator = Narrator(engines, delivery)
    clock = _Clock(delivery.sample_rate_hz)
    clauses: asyncio.Queue[Clause | None] = asyncio.Queue(_CLAUSES_AHEAD)
    reader = asyncio.create_task(_read(pieces, clauses))
    text_start = ""
    has_spoken = False
    try:
        while (clause := await _next(clauses, reader)) is not None:
            text_start = text_start or clause.text
            passage = await narrator.speak(clause)
            if passage is not None:
                has_spoken = True
                yield passage.timing
                for sound in clock.cut(passage.samples):
                    yield sound
        if not has_spoken:
            raise nothing_to_say(text_start, field, delivery)
        for sound in clock.cut(narrator.finish()):
            yield sound
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


class _Clock:
    """Cuts sound into pieces and counts where each begins."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._sample_count = 0

    def cut(self, samples: FloatPcm) -> list[Sound]:
        """Returns the pieces of the next `samples`."""
        sounds = []
        for piece in pcm.split(samples, round(CHUNK_S * self._sample_rate_hz)):
            sounds.append(Sound(piece, self._sample_count / self._sample_rate_hz))
            self._sample_count += len(piece)
        return sounds


async def _read(pieces: AsyncIterable[str | Flush], clauses: asyncio.Queue[Clause | None]) -> None:
    """Puts clauses, then None, into the queue; waits while it is full."""
    splitter = ClauseSplitter()
    length = 0
    async for piece in pieces:
        if isinstance(piece, Flush):
            ready = splitter.flush()
        else:
            length += len(piece)
            if length > MAX_TEXT_LENGTH:
                raise StreamTooLong(f"{MAX_TEXT_LENGTH} characters", f"{length} characters")
            ready = splitter.push(piece)
        for clause in ready:
            await clauses.put(clause)
    for clause in splitter.flush():
        await clauses.put(clause)
    await clauses.put(None)


async def _next(clauses: asyncio.Queue[Clause | None], reader: asyncio.Task[None]) -> Clause | None:
    """Returns the next clause, None at the end; what ended the reader early is raised here."""
    if clauses.empty() and not reader.done():
        waiting = asyncio.create_task(clauses.get())
        try:
            await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
    if reader.done():
        # A failure counts before what was read ahead of it: the call is lost anyway.
        reader.result()
    return clauses.get_nowait()
