"""Thousands of texts and documents that nobody would write: each is spoken, or refused by its rule."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.tone_engine import SAMPLE_RATE_HZ, TONE_VOICE, ToneEngine
from visage.runtime.audio import Encoding
from visage.runtime.errors import InvalidField, StreamTooLong
from visage.speech.line import Line
from visage.speech.narrator import Delivery
from visage.speech.prosody import Prosody
from visage.speech.script import Script
from visage.speech.ssml.speakers import Speakers
from visage.speech.stream_speech import Document, Flush, Piece, Sound, stream_speech
from visage.speech.styles import STYLES
from visage.speech.synthesize_speech import Recording, synthesize_speech
from visage.speech.utterance import Timing
from visage.speech.voices import VoiceCatalogue

pytestmark = pytest.mark.fuzz

CASES = settings(max_examples=2000, deadline=None, database=None, suppress_health_check=list(HealthCheck))

ODD = st.sampled_from(
    ["\x00", "\u202e", "\ue000", "\ud7ff", "😀", "👩‍👩‍👧", "שלום", "مرحبا", "你好。", "ß", "½", "٣", "\u0301",
     "\U0010ffff", "[[", "]]", "&", "<", ">", '"', "\\", "$1.50", "1/0", "99:99", "31/31/2024", "1e400", "--", "...",
     "Dr.", "No. 5", "-" * 20, "9" * 30, "1,2,3", "#", "°", " ", "\n\n", "€", "12:30 pm", "May 99th", "3km",
     "0x", "1.2.3.4"]
)  # fmt: skip
PIECE = st.one_of(ODD, st.text(max_size=12), st.text("abc 123.,!?-$%:/", max_size=12))
TEXT = st.lists(PIECE, max_size=12).map("".join)

# Mostly the plain one: changing the sound costs more than all the rest.
PROSODY = st.sampled_from([Prosody()] * 3 * len(STYLES) + list(STYLES.values()))

VALUES = st.one_of(
    ODD,
    st.sampled_from(
        ["slow", "x-high", "+20%", "-3st", "80%", "200ms", "11s", "strong", "none", "ipa", "təˈmɑːtoʊ", "x-sampa", "de",
         "en-US", "xx", "tone", "voices/tone", "female", "digits", "date", "characters", "mdy", "cardinal", "+6dB", ""]
    ),
)  # fmt: skip
NAMES = st.sampled_from(
    ["speak", "p", "s", "break", "prosody", "emphasis", "say-as", "sub", "phoneme", "lang", "voice", "mark", "audio",
     "token", "w", "desc", "lexicon", "script", "foo:bar"]
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["rate", "pitch", "range", "volume", "time", "strength", "level", "interpret-as", "format", "alias", "ph",
         "alphabet", "name", "gender", "xml:lang", "src", "xmlns", "version"]
    ),
    VALUES,
    max_size=3,
)  # fmt: skip


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def element(name: str, attributes: dict[str, str], children: Sequence[str]) -> str:
    written = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


# Most text has only characters that XML has; otherwise hardly a document would get past the parser.
LEGAL = TEXT.map(lambda text: escaped(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)))
NODES = st.recursive(
    st.one_of(*[LEGAL] * 30, PIECE),
    lambda inner: st.builds(element, NAMES, ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=12,
)
PLAIN_NODES = st.recursive(
    st.text("abcdefgh 0123456789.,", max_size=30),
    lambda inner: st.one_of(
        st.builds(element, st.sampled_from(["p", "s", "emphasis", "token"]), st.just({}), st.lists(inner, max_size=4)),
        st.builds(
            element,
            st.just("prosody"),
            st.fixed_dictionaries({"rate": st.sampled_from(["slow", "150%", "x-fast"])}),
            st.lists(inner, max_size=3),
        ),
        st.just('<break time="50ms"/>'),
        st.just('<mark name="m"/>'),
    ),
    max_leaves=12,
)


def cut(document: str, first: int, second: int) -> str:
    """The document without what lies between two places."""
    start, end = sorted((first % (len(document) + 1), second % (len(document) + 1)))
    return document[:start] + document[end:]


WHOLE = st.lists(st.one_of(NODES, PLAIN_NODES), max_size=4).map(lambda nodes: f"<speak>{''.join(nodes)}</speak>")
SOUND = st.lists(PLAIN_NODES, max_size=4).map(lambda nodes: f"<speak>one {''.join(nodes)}</speak>")
DOCUMENT = st.one_of(WHOLE, SOUND, st.builds(cut, WHOLE, st.integers(0, 999), st.integers(0, 999)), TEXT)


def script() -> Script:
    return Script(Speakers(VoiceCatalogue([TONE_VOICE]), TONE_VOICE, is_chosen=False))


def check_timing(source: str, timings: Sequence[Timing], duration_s: float) -> None:
    """Words stand in the source in order, times grow, nothing lies beyond the sound."""
    words = [word for timing in timings for word in timing.words]
    phonemes = [phoneme for timing in timings for phoneme in timing.phonemes]
    for before, after in itertools.pairwise(words):
        assert before.text_end <= after.text_start
        assert before.start_s <= after.start_s + 1e-6
    for word in words:
        assert 0 <= word.text_start < word.text_end <= len(source)
        assert 0 <= word.start_s <= word.end_s <= duration_s + 1e-3
    assert all(phoneme.start_s <= phoneme.end_s <= duration_s + 1e-3 for phoneme in phonemes)
    assert all(mark.time_s <= duration_s + 1e-3 for timing in timings for mark in timing.marks)


async def whole(lines: Sequence[Line], field: str, delivery: Delivery) -> Recording:
    return await synthesize_speech(lines, field, delivery, Encoding.LINEAR16, {"tone": ToneEngine()})


async def streamed(pieces: Sequence[Piece], delivery: Delivery) -> tuple[list[Timing], int]:
    async def feed() -> AsyncIterator[Piece]:
        for piece in pieces:
            yield piece

    timings: list[Timing] = []
    count = 0
    async for part in stream_speech(feed(), script(), delivery, {"tone": ToneEngine()}):
        if isinstance(part, Sound):
            count += len(part.samples)
        else:
            timings.append(part)
    return timings, count


@pytest.fixture(scope="module")
def loop() -> asyncio.AbstractEventLoop:
    """One loop for all cases: a new one for each would take longer than the case."""
    made = asyncio.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_default_executor())
    made.close()


@CASES
@given(TEXT, PROSODY, st.integers(0, 40))
def test_any_text_is_spoken_or_refused(
    loop: asyncio.AbstractEventLoop, text: str, prosody: Prosody, place: int
) -> None:
    """Plain text, whole and in two pieces, gives matching sound and times, or an error of its field."""
    delivery = Delivery(TONE_VOICE, SAMPLE_RATE_HZ, prosody)
    fresh = script()
    try:
        lines = [*fresh.text(text), *fresh.flush()]
        recording = loop.run_until_complete(whole(lines, "input.text", delivery))
    except InvalidField as error:
        assert error.field == "input.text"
        with pytest.raises(InvalidField):
            loop.run_until_complete(streamed([text], delivery))
        return
    timings, count = loop.run_until_complete(streamed([text[:place], text[place:]], delivery))

    check_timing(text, [recording.timing], len(recording.audio) / 2 / SAMPLE_RATE_HZ)
    check_timing(text, timings, count / SAMPLE_RATE_HZ)
    assert [word.text for timing in timings for word in timing.words] == [w.text for w in recording.timing.words]


@CASES
@given(DOCUMENT)
def test_any_document_is_spoken_or_refused(loop: asyncio.AbstractEventLoop, source: str) -> None:
    """An SSML document gives sound and times that lead back to it, or an error that says where it is wrong."""
    delivery = Delivery(TONE_VOICE, SAMPLE_RATE_HZ, Prosody(), with_track=True)
    try:
        lines = script().document(source, "input.ssml")
        recording = loop.run_until_complete(whole(lines, "input.ssml", delivery))
    except InvalidField as error:
        assert error.field == "input.ssml"
        assert "line" in error.metadata or "nothing" in error.message or "must hold" in error.message
        return
    except StreamTooLong:
        return

    check_timing(source, [recording.timing], len(recording.audio) / 2 / SAMPLE_RATE_HZ)


@settings(CASES, max_examples=200)
@given(st.lists(st.one_of(TEXT, SOUND.map(Document), st.just(Flush())), max_size=6))
def test_text_and_documents_mix_in_a_stream(loop: asyncio.AbstractEventLoop, pieces: list[Piece]) -> None:
    """Pieces of both kinds keep one clock and one count of characters."""
    source = "".join(piece.source if isinstance(piece, Document) else piece for piece in pieces if piece != Flush())
    try:
        timings, count = loop.run_until_complete(streamed(pieces, Delivery(TONE_VOICE, SAMPLE_RATE_HZ, Prosody())))
    except InvalidField as error:
        assert error.field == "text"
        return

    check_timing(source, timings, count / SAMPLE_RATE_HZ)
