"""SSML documents: what is spoken of them, where it stands in the source, and what is refused where."""

from __future__ import annotations

import asyncio
import io

import pytest
import soundfile

from tests.fakes.tone_engine import SAMPLE_RATE_HZ, TONE_VOICE, ToneEngine
from visage.runtime.audio import Encoding
from visage.speech.clauses import End
from visage.speech.line import Line
from visage.speech.narrator import Delivery
from visage.speech.prosody import Prosody
from visage.speech.script import Script
from visage.speech.ssml.errors import SsmlInvalid
from visage.speech.ssml.parser import MAX_DEPTH, MAX_ELEMENTS, NAMESPACE
from visage.speech.ssml.speakers import Speakers
from visage.speech.synthesize_speech import Recording, synthesize_speech
from visage.speech.voices import Gender, Tier, Voice, VoiceCatalogue

pytestmark = pytest.mark.unit

ANNA = Voice("voices/anna", "Anna", ("de",), SAMPLE_RATE_HZ, Tier.BASIC, Gender.FEMALE, "MIT", "tone", "anna")
MARY = Voice("voices/mary", "Mary", ("en-GB",), 8000, Tier.BASIC, Gender.FEMALE, "MIT", "tone", "mary")
CATALOGUE = VoiceCatalogue([TONE_VOICE, ANNA, MARY])


def lines_of(inner: str, *, is_chosen: bool = True) -> list[Line]:
    source = inner if inner.startswith("<speak") else f"<speak>{inner}</speak>"
    return Script(Speakers(CATALOGUE, TONE_VOICE, is_chosen)).document(source, "input.ssml")


def texts_of(inner: str) -> list[str]:
    return [line.text.text.strip() for line in lines_of(inner)]


def refusal(source: str) -> SsmlInvalid:
    with pytest.raises(SsmlInvalid) as caught:
        Script(Speakers(CATALOGUE, TONE_VOICE, True)).document(source, "input.ssml")
    return caught.value


def recorded(source: str, engine: ToneEngine | None = None) -> Recording:
    lines = Script(Speakers(CATALOGUE, TONE_VOICE, True)).document(source, "input.ssml")
    delivery = Delivery(TONE_VOICE, SAMPLE_RATE_HZ, Prosody())
    return asyncio.run(synthesize_speech(lines, "input.ssml", delivery, Encoding.WAV, {"tone": engine or ToneEngine()}))


def test_text_without_markup_is_spoken() -> None:
    """Sentences are lines; the five entities of XML and character references are their characters."""
    assert texts_of("Tom &amp; Jerry. <![CDATA[1 < 2]]> it&#39;s &#x41;.") == ["Tom & Jerry.", "1 < 2 it's A."]


def test_words_lead_back_to_the_source() -> None:
    """Offsets count the characters of the document, markup, references and all, beyond the basic plane too."""
    source = (
        '<speak>\n  <p>Héllo 😀 <emphasis>big</emphasis> world &amp; <sub alias="World Wide Web">WWW</sub>,\n'
        '<say-as interpret-as="digits">42</say-as> for $3.50.</p></speak>'
    )
    words = recorded(source).timing.words

    assert [word.text for word in words] == ["Héllo", "big", "world", "&amp;", "WWW", "42", "for", "$3.50"]
    assert all(source[word.text_start : word.text_end] == word.text for word in words)


@pytest.mark.parametrize(
    ("inner", "texts"),
    [
        ("<p>One.</p><p>Two.</p>", ["One.", "Two."]),
        ("<s>one</s><s>two</s>", ["one", "two"]),
        ('<sub alias="for example">e.g.</sub> this', ["for example this"]),
        ('<say-as interpret-as="characters">ab</say-as>', ["ay, bee"]),
        ("<w>to</w><token>day</token>", ["today"]),
        ("a<desc>not this</desc> b<metadata><x/></metadata>", ["a b"]),
        (f'<speak xmlns="{NAMESPACE}" version="1.1" xml:lang="en-US">hi</speak>', ["hi"]),
    ],
)  # fmt: skip
def test_elements_of_structure(inner: str, texts: list[str]) -> None:
    """Paragraphs and sentences part lines; other elements do not."""
    assert texts_of(inner) == texts


def test_breaks_are_as_long_as_they_say() -> None:
    """A break sets the pause behind what stands before it; its strength has a length; none is no break."""
    lines = lines_of('a<break time="700ms"/>b<break strength="weak"/>c<break strength="none"/>d<break/>e')

    assert [(line.text.text, line.pause_s) for line in lines] == [
        ("a", 0.7),
        ("b", 0.2),
        ("cd", 0.4),
        ("e", None),
    ]


def test_a_break_behind_a_sentence_replaces_its_pause() -> None:
    """The pause of a paragraph is not added to the break behind it; a second break is."""
    lines = lines_of('<p>One.</p><break time="1s"/><break time="2s"/><p>Two.</p>')

    assert [line.pause_s for line in lines] == [1.0, 2.0, None]
    assert lines[-1].end is End.PARAGRAPH


def test_breaks_are_heard() -> None:
    """The sound is longer by the break, and a break alone before the first word is silence."""
    plain, _ = soundfile.read(io.BytesIO(recorded("<speak>one<break time='0ms'/> two</speak>").audio))
    paused, _ = soundfile.read(io.BytesIO(recorded("<speak><break time='500ms'/>one two</speak>").audio))

    assert len(paused) - len(plain) == pytest.approx(0.5 * SAMPLE_RATE_HZ, abs=2)
    assert not paused[: SAMPLE_RATE_HZ // 2].any()


def test_prosody_is_nested_and_ends_with_its_element() -> None:
    """Rates multiply, pitches add, and words outside have the voice's own."""
    source = (
        '<speak>a <prosody rate="50%" pitch="+2st" volume="-6dB" range="low">b '
        '<prosody rate="+50%" pitch="-1st">c</prosody></prosody> d</speak>'
    )
    (line,) = lines_of(source)
    found = [line.prosody_at(source.index(word)) for word in ("a <", "b <", "c<", "d<")]

    assert found == [Prosody(), Prosody(0.5, 2.0, -6.0, 0.6), Prosody(0.75, 1.0, -6.0, 0.6), Prosody()]


def test_prosody_is_heard_in_its_words_only() -> None:
    """A slow word takes longer, the words around it do not; the engine speaks the line in one go."""
    engine = ToneEngine()
    plain = recorded("<speak>one two three</speak>").timing.words
    slow = recorded('<speak>one <prosody rate="50%">two</prosody> three</speak>', engine).timing.words
    lengths = [(b.end_s - b.start_s) / (a.end_s - a.start_s) for a, b in zip(plain, slow, strict=True)]

    assert lengths == pytest.approx([1, 2, 1], rel=0.02)
    assert engine.spoken == ["one two three"]


def test_a_line_of_one_prosody_is_left_to_the_engine() -> None:
    """What the whole line shares, the engine does itself."""
    engine = ToneEngine()
    recorded('<speak><prosody rate="fast" pitch="high">all of it</prosody></speak>', engine)

    assert engine.prosodies == [Prosody(1.35, 3.0)]


def test_marks_tell_when_what_follows_begins() -> None:
    """A mark has the start of the word behind it, also across a break; one behind the last word has the end."""
    recording = recorded(
        '<speak><mark name="a"/>one <mark name="b"/>two<break time="1s"/><mark name="c"/> three<mark name="d"/></speak>'
    )
    words, marks = recording.timing.words, recording.timing.marks
    samples, rate_hz = soundfile.read(io.BytesIO(recording.audio))

    assert [mark.name for mark in marks] == ["a", "b", "c", "d"]
    assert [mark.time_s for mark in marks[:3]] == [word.start_s for word in words]
    assert marks[3].time_s == pytest.approx(len(samples) / rate_hz)


def test_voices_change_on_the_way() -> None:
    """Other voices speak, by name, language or gender; the clock and the rate stay those of the call."""
    lines = lines_of(
        'a <voice name="anna">b</voice> <voice name="voices/mary">c</voice> <lang xml:lang="de">d</lang> '
        '<voice gender="female">e</voice> <lang xml:lang="en-GB">f</lang>'
    )
    recording = recorded('<speak>one <voice name="mary">two</voice> three</speak>')
    samples, rate_hz = soundfile.read(io.BytesIO(recording.audio))

    assert [line.voice and line.voice.name for line in lines] == [
        "voices/tone", "voices/anna", "voices/mary", "voices/anna", "voices/mary", "voices/tone",
    ]  # fmt: skip
    assert rate_hz == SAMPLE_RATE_HZ
    assert recording.timing.phonemes[-1].end_s == pytest.approx(len(samples) / rate_hz, abs=1e-3)


def test_the_documents_language_chooses_the_voice_where_the_caller_did_not() -> None:
    """xml:lang of the document decides only if the call names neither voice nor language."""
    document = '<speak xml:lang="de">Tag</speak>'

    assert [line.voice for line in lines_of(document, is_chosen=False)] == [ANNA]
    assert [line.voice for line in lines_of(document, is_chosen=True)] == [TONE_VOICE]


def test_pronunciations_reach_the_engine_as_one_word() -> None:
    """IPA stands for the word in the text that the engine gets, and the word's place is its own in the source."""
    engine = ToneEngine()
    source = '<speak>a <phoneme alphabet="ipa" ph="təˈmɑːtoʊ">tomato</phoneme>, b</speak>'
    words = recorded(source, engine).timing.words

    assert list(engine.pronounced.values()) == ["təˈmɑːtoʊ"]
    assert engine.spoken == [f"a {next(iter(engine.pronounced))}, b"]
    assert [word.text for word in words] == ["a", "tomato", "b"]


def test_private_characters_of_the_caller_are_no_pronunciations() -> None:
    """A character that stands for a pronunciation inside is a space when the caller writes it."""
    (line,) = lines_of('x \ue000 <phoneme ph="a">y</phoneme> \ue001 z')

    assert line.text.text.count("\ue000") == 1
    assert "\ue001" not in line.text.text


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("", 1, 1, "no element"),
        ("hello", 1, 1, "syntax error"),
        ("<speak>\n <p>hé</s></speak>", 2, 9, "mismatched tag"),
        ("<speak>a & b</speak>", 1, 11, "invalid token"),
        ("<speak>\n\n  <audio src='x.wav'/></speak>", 3, 3, "refused"),
        ("<speak>ü<lexicon uri='http://x'/></speak>", 1, 9, "nothing outside"),
        ("<speak><foo/></speak>", 1, 8, "not known"),
        ("<talk/>", 1, 1, "'talk'"),
        ("<speak version='2.0'>a</speak>", 1, 1, "version"),
        ("<speak><speak/></speak>", 1, 8, "around the whole"),
        ("<speak><prosody contour='(0%,+20Hz)'>a</prosody></speak>", 1, 8, "contour"),
        ("<speak><prosody>a</prosody></speak>", 1, 8, "needs one of"),
        ("<speak><prosody rate='quick'>a</prosody></speak>", 1, 8, "x-slow"),
        ("<speak><prosody rate='900%'>a</prosody></speak>", 1, 8, "outside"),
        ("<speak><prosody pitch='-100%'>a</prosody></speak>", 1, 8, "leaves nothing"),
        ("<speak><break time='11s'/></speak>", 1, 8, "longer than 10 s"),
        ("<speak><break time='soon'/></speak>", 1, 8, "no duration"),
        ("<speak><break>a</break></speak>", 1, 8, "must be empty"),
        ("<speak><emphasis level='huge'>a</emphasis></speak>", 1, 8, "level"),
        ("<speak><mark/></speak>", 1, 8, "needs the attribute name"),
        ("<speak><sub>a</sub></speak>", 1, 8, "alias"),
        ("<speak><sub alias='x'> </sub></speak>", 1, 8, "no text"),
        ("<speak><sub alias='x'><p>a</p></sub></speak>", 1, 8, "text only"),
        ("<speak><say-as interpret-as='date'>soon</say-as></speak>", 1, 8, "no date"),
        ("<speak><phoneme alphabet='x-sampa' ph='a'>a</phoneme></speak>", 1, 8, "there is ipa"),
        ("<speak><phoneme ph='жq1'>a</phoneme></speak>", 1, 8, "not IPA"),
        ("<speak><phoneme ph='ˈˈ'>a</phoneme></speak>", 1, 8, "no sound"),
        ("<speak><lang>a</lang></speak>", 1, 8, "xml:lang"),
        ("<speak><lang xml:lang='tlh'>a</lang></speak>", 1, 8, "no voice speaks tlh"),
        ("<speak><voice name='marry'>a</voice></speak>", 1, 8, "did you mean voices/mary"),
        ("<speak><voice gender='male'>a</voice></speak>", 1, 8, "no male voice"),
        ("<speak><x:p xmlns:x='urn:x'>a</x:p></speak>", 1, 8, "namespace"),
        ("<!DOCTYPE speak><speak>a</speak>", 1, 1, "document type"),
        ("<?php x?><speak>a</speak>", 1, 1, "processing instruction"),
        ("<speak>a\x00b</speak>", 1, 9, "XML does not have"),
        ("<speak>a\x07b</speak>", 1, 9, "invalid token"),
    ],
)
def test_mistakes_say_where_they_are(source: str, line: int, column: int, message: str) -> None:
    """Each mistake is an error of the field with line and column, from 1, in its text and its metadata."""
    error = refusal(source)

    assert message in error.message
    assert error.message.startswith(f"input.ssml: line {line}, column {column}: ")
    assert (error.metadata["line"], error.metadata["column"]) == (str(line), str(column))


def test_bombs_do_not_go_off() -> None:
    """Entities that multiply, files from outside, endless nesting and thousands of elements are refused at once."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bombs = {
        f'<!DOCTYPE s [<!ENTITY l0 "ha">{laughs}]><speak>&l9;</speak>': "document type",
        '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><speak>&x;</speak>': "document type",
        "<speak>&x;</speak>": "undefined entity",
        "<speak>" + "<p>" * 3000 + "a": f"{MAX_DEPTH} deep",
        "<speak>" + "<p/>" * 3000 + "</speak>": f"{MAX_ELEMENTS} elements",
        f'<speak><sub alias="{"word " * 100}">x</sub>{"x" * 9900}</speak>': "10000 characters",
    }

    for source, message in bombs.items():
        assert message in refusal(source).message


def test_every_line_knows_only_its_own_prosodies() -> None:
    """A document of a thousand prosodies keeps each line small."""
    inner = "".join(f'<prosody rate="{80 + n % 40}%">word number.</prosody> ' for n in range(900))
    lines = lines_of(inner[:18_000].rpartition("<prosody")[0])

    assert len(lines) > 300
    assert max(len(line.prosodies) for line in lines) < 12
