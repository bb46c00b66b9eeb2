"""The two verbs of synthesis, with an engine that hums."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import numpy as np
import pytest
import soundfile

from tests.fakes.tone_engine import SAMPLE_RATE_HZ, TONE_VOICE, ToneEngine
from visage.runtime.audio import Encoding
from visage.runtime.errors import InvalidField, ModelUnavailable, StreamOutOfOrder, StreamTooLong
from visage.speech.line import Line
from visage.speech.narrator import Delivery
from visage.speech.prosody import Prosody
from visage.speech.script import Script
from visage.speech.ssml.speakers import Speakers
from visage.speech.stream_speech import CHUNK_S, Flush, Sound, stream_speech
from visage.speech.synthesize_speech import MAX_AUDIO_BYTES, synthesize_speech
from visage.speech.utterance import Timing
from visage.speech.voices import VoiceCatalogue

pytestmark = pytest.mark.unit

DELIVERY = Delivery(TONE_VOICE, SAMPLE_RATE_HZ, Prosody())
TEXT = "Good morning, everyone! It is three o'clock. Shall we begin? Yes, of course, we shall."


def script() -> Script:
    return Script(Speakers(VoiceCatalogue([TONE_VOICE]), TONE_VOICE, is_chosen=True))


def lines(text: str) -> list[Line]:
    fresh = script()
    return [*fresh.text(text), *fresh.flush()]


async def feed(pieces: Sequence[str | Flush]) -> AsyncIterator[str | Flush]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


async def collect(engine: ToneEngine, pieces: Sequence[str | Flush]) -> list[Timing | Sound]:
    return [part async for part in stream_speech(feed(pieces), script(), DELIVERY, {"tone": engine})]


def samples_of(parts: Sequence[Timing | Sound]) -> np.ndarray:
    return np.concatenate([part.samples for part in parts if isinstance(part, Sound)])


async def test_stream_equals_the_whole() -> None:
    """Text token by token gives the very samples and words of the unary call."""
    recording = await synthesize_speech(lines(TEXT), "input.text", DELIVERY, Encoding.WAV, {"tone": ToneEngine()})
    parts = await collect(ToneEngine(), [TEXT[i : i + 3] for i in range(0, len(TEXT), 3)])
    whole, rate_hz = soundfile.read(io.BytesIO(recording.audio), dtype="float32")
    words = [word for part in parts if isinstance(part, Timing) for word in part.words]

    assert rate_hz == SAMPLE_RATE_HZ
    assert np.abs(whole - samples_of(parts)).max() < 1e-4
    assert tuple(words) == recording.timing.words


async def test_timing_comes_before_its_sound() -> None:
    """When a sound arrives, the timing of every span in it has arrived."""
    known_s = 0.0
    for part in await collect(ToneEngine(), [TEXT]):
        if isinstance(part, Timing):
            known_s = part.phonemes[-1].end_s
        else:
            assert part.start_s + len(part.samples) / SAMPLE_RATE_HZ <= known_s + 1e-6

    assert known_s > 1


async def test_offsets_are_one_clock() -> None:
    """Each sound begins where the one before ended; none is longer than 0.2 s."""
    sounds = [part for part in await collect(ToneEngine(), [TEXT]) if isinstance(part, Sound)]
    lengths_s = np.array([len(sound.samples) / SAMPLE_RATE_HZ for sound in sounds])

    assert np.allclose([sound.start_s for sound in sounds[1:]], np.cumsum(lengths_s)[:-1])
    assert lengths_s.max() <= CHUNK_S


async def test_first_clause_does_not_wait_for_the_rest() -> None:
    """Sound of the first sentence arrives while the client has not sent the second."""
    rest = asyncio.Event()

    async def slow() -> AsyncIterator[str | Flush]:
        yield "Hello there. "
        await rest.wait()
        yield "Goodbye."

    async with aclosing(stream_speech(slow(), script(), DELIVERY, {"tone": ToneEngine()})) as parts:
        async with asyncio.timeout(5):
            timing, sound = await anext(parts), await anext(parts)

    assert isinstance(timing, Timing)
    assert isinstance(sound, Sound)


async def test_flush_speaks_half_a_sentence() -> None:
    """What is pending is spoken on flush; a second flush says nothing."""
    engine = ToneEngine()
    await collect(engine, ["Wait a", Flush(), Flush(), " moment"])

    assert [text.strip() for text in engine.spoken] == ["Wait a", "moment"]


async def test_engine_does_not_run_ahead_of_the_reader() -> None:
    """With the reader at the first sound, only its clause has been spoken, and few of the pieces have been read."""
    engine = ToneEngine()
    read = 0

    async def eager() -> AsyncIterator[str | Flush]:
        nonlocal read
        for _ in range(200):
            read += 1
            yield "One more sentence. "

    async with aclosing(stream_speech(eager(), script(), DELIVERY, {"tone": engine})) as parts:
        await anext(parts)
        for _ in range(50):
            await asyncio.sleep(0)

    assert len(engine.spoken) == 1
    assert read < 10


async def test_leaving_stops_the_engine() -> None:
    """A caller that is cancelled while the engine works cancels that work and the reading of text."""
    engine = ToneEngine()
    engine.may_speak.clear()
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[str | Flush]:
        try:
            yield "Hello there. "
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def consume() -> None:
        async with aclosing(stream_speech(endless(), script(), DELIVERY, {"tone": engine})) as parts:
            async for _ in parts:
                pass

    call = asyncio.create_task(consume())
    await engine.is_asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert engine.cancelled == 1
    assert closed.is_set()


async def test_errors_of_the_client_end_the_stream() -> None:
    """What the reading of messages raises comes out of the stream."""

    async def broken() -> AsyncIterator[str | Flush]:
        yield "Hello there. "
        raise StreamOutOfOrder("text or flush", "config")

    with pytest.raises(StreamOutOfOrder):
        async for _ in stream_speech(broken(), script(), DELIVERY, {"tone": ToneEngine()}):
            await asyncio.sleep(0)


async def test_whole_stream_has_a_limit() -> None:
    """More than 10,000 characters in all are refused with the limit."""
    with pytest.raises(StreamTooLong) as caught:
        await collect(ToneEngine(), ["A sentence of words. " * 100] * 5)

    assert caught.value.metadata["limit"] == "10000 characters"


@pytest.mark.parametrize("pieces", [[], ["", " "], ["?!"], ["🎉", Flush(), "..."]])
async def test_a_stream_without_words_is_refused(pieces: list[str | Flush]) -> None:
    """Nothing to say is an error of the text, in the stream as in the unary call."""
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    with pytest.raises(InvalidField) as streamed:
        await collect(ToneEngine(), pieces)
    with pytest.raises(InvalidField) as unary:
        await synthesize_speech(lines(text), "input.text", DELIVERY, Encoding.WAV, {"tone": ToneEngine()})

    assert streamed.value.field == "text"
    assert unary.value.field == "input.text"


async def test_too_much_sound_stops_early() -> None:
    """A recording over 3 MiB is refused as soon as it is too large, not when all of it has been spoken."""
    engine = ToneEngine()
    delivery = Delivery(TONE_VOICE, 48_000, Prosody())
    with pytest.raises(StreamTooLong) as caught:
        await synthesize_speech(
            lines("A sentence of words. " * 400), "input.text", delivery, Encoding.LINEAR16, {"tone": engine}
        )

    assert caught.value.metadata["limit"] == f"{MAX_AUDIO_BYTES} bytes"
    assert len(engine.spoken) < 100


async def test_engine_that_is_not_there() -> None:
    """A voice whose engine did not start is unavailable."""
    with pytest.raises(ModelUnavailable):
        await synthesize_speech(lines("Hello."), "input.text", DELIVERY, Encoding.WAV, {})
