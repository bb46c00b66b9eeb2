"""The verb behind StreamSynthesizeSpeech: text in pieces to timing and sound, clause by clause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Final

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.runtime.errors import StreamTooLong
from visage.speech.line import Line
from visage.speech.narration import Passage
from visage.speech.narrator import Delivery, Narrator
from visage.speech.ports import SpeechEngine
from visage.speech.script import Script
from visage.speech.synthesize_speech import nothing_to_say
from visage.speech.utterance import Timing

MAX_TEXT_LENGTH: Final = 10_000
CHUNK_S: Final = 0.2
_LINES_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Flush:
    """Speak what is pending now."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole SSML document."""

    source: str


@dataclass(frozen=True, slots=True)
class Sound:
    """[samples] at the delivery's rate, beginning `start_s` seconds into the stream."""

    samples: FloatPcm
    start_s: float


Piece = str | Document | Flush
"""Plain text, split anywhere, a document, or the wish to hear what is pending."""


async def stream_speech(
    pieces: AsyncIterable[Piece], script: Script, delivery: Delivery, engines: Mapping[str, SpeechEngine]
) -> AsyncGenerator[Timing | Sound, None]:
    """Yields the timing of each line, then its sound in pieces of 0.2 s; the next line waits for its reader.

    Text is read ahead by a few lines, so that a wrong message is noticed early and a fast writer is held back.

    Args:
        pieces: What to say.
        script: Makes lines of it; fresh.
        delivery: Voice, rate and prosody.
        engines: By name.

    Raises:
        InvalidField: Nothing in the whole text can be said with this voice.
        SsmlInvalid: A document is not SSML that is spoken here.
        StreamTooLong: More than 10,000 characters.
        ModelUnavailable: The engine cannot do it now.
    """
    narrator = Narrator(engines, delivery)
    clock = _Clock(delivery.sample_rate_hz)
    lines: asyncio.Queue[Line | None] = asyncio.Queue(_LINES_AHEAD)
    reader = asyncio.create_task(_read(pieces, script, lines))
    first: Line | None = None
    has_spoken = False
    try:
        while (line := await _next(lines, reader)) is not None:
            first = first or line
            passage = await narrator.speak(line)
            if passage is not None:
                has_spoken = has_spoken or bool(passage.timing.words)
                for part in clock.cut(passage):
                    yield part
        if not has_spoken:
            raise nothing_to_say([first] if first else [], "text", delivery)
        for part in clock.cut(narrator.finish()):
            yield part
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


class _Clock:
    """Cuts sound into pieces and counts where each begins."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._sample_count = 0

    def cut(self, passage: Passage) -> list[Timing | Sound]:
        """Returns the timing of the next passage, if it has any, and the pieces of its sound."""
        timing = passage.timing
        parts: list[Timing | Sound] = [timing] if timing.phonemes or timing.marks else []
        for piece in pcm.split(passage.samples, round(CHUNK_S * self._sample_rate_hz)):
            parts.append(Sound(piece, self._sample_count / self._sample_rate_hz))
            self._sample_count += len(piece)
        return parts


async def _read(pieces: AsyncIterable[Piece], script: Script, lines: asyncio.Queue[Line | None]) -> None:
    """Puts lines, then None, into the queue; waits while it is full."""
    async for piece in pieces:
        if isinstance(piece, Flush):
            ready = script.flush()
        else:
            text = piece if isinstance(piece, str) else piece.source
            length = script.length + len(text)
            if length > MAX_TEXT_LENGTH:
                raise StreamTooLong(f"{MAX_TEXT_LENGTH} characters", f"{length} characters")
            ready = script.text(piece) if isinstance(piece, str) else script.document(piece.source, "ssml")
        for line in ready:
            await lines.put(line)
    for line in script.flush():
        await lines.put(line)
    await lines.put(None)


async def _next(lines: asyncio.Queue[Line | None], reader: asyncio.Task[None]) -> Line | None:
    """Returns the next line, None at the end; what ended the reader early is raised here."""
    if lines.empty() and not reader.done():
        waiting = asyncio.create_task(lines.get())
        try:
            await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
    if reader.done():
        # A failure counts before what was read ahead of it: the call is lost anyway.
        reader.result()
    return lines.get_nowait()
