"""What of a text is read aloud, and where its words are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.speech.engines.ascii_text import to_ascii
from visage.speech.readable_text import has_speech, make_readable
from visage.speech.word_ranges import word_ranges

pytestmark = pytest.mark.unit


def words_of(text: str, cuts: tuple[int, ...] = ()) -> list[str]:
    return [text[start:end] for start, end in word_ranges(text, cuts)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c", "abc"),
        ("one\ttwo\r\nthree\u00a0four", "one two  three four"),
        ("Hi 😀👩‍👩‍👧👍🏽 there", "Hi     " + "  there"),
        ("\u202eevil\u202c \ufefftext", "evil text"),
        ("1\ufe0f\u20e3 key", "1 key"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("20 °C © Ltd", "20 °C © Ltd"),
    ],
    ids=["controls", "spaces", "emoji", "directions", "keycap", "joiner", "signs"],
)
def test_only_what_can_be_read_remains(text: str, expected: str) -> None:
    """Controls, marks of direction, emoji and their parts go; spaces become plain; letters and signs stay."""
    assert make_readable(text).text == expected


@given(st.text(max_size=200))
def test_positions_lead_back(text: str) -> None:
    """Every readable character knows where it stood, in ascending order; letters stand for themselves."""
    readable = make_readable(text)

    assert len(readable.origins) == len(readable.text)
    assert list(readable.origins) == sorted(set(readable.origins))
    assert all(
        text[origin] == letter
        for letter, origin in zip(readable.text, readable.origins, strict=True)
        if letter.isalpha()
    )


def test_spans_cover_what_was_removed_inside() -> None:
    """A word with a control character inside spans all of it in the caller's text."""
    readable = make_readable("ab \x00c\x07d e")
    start = readable.text.index("cd")

    assert readable.text == "ab cd e"
    assert readable.span(start, start + 2) == (4, 7)


@pytest.mark.parametrize("text", ["", " \n", "?!…", "🎉", "—", "\x00\x01"])
def test_nothing_to_say(text: str) -> None:
    """Text without a letter or a digit cannot be spoken."""
    assert not has_speech(text)


@pytest.mark.parametrize("text", ["a", "7", "я", "你", "٣", "½"])
def test_something_to_say(text: str) -> None:
    """A letter or digit of any script can."""
    assert has_speech(text)


def test_words_stand_without_their_punctuation() -> None:
    """Quotes, brackets and stops are not part of a word; signs that are read are."""
    found = words_of('"Hello," she said (really!): it\'s 10% & $3.50 — pop-tarts… ¿qué?')

    assert found == ["Hello", "she", "said", "really", "it's", "10%", "&", "$3.50", "pop-tarts", "qué"]


def test_scripts_without_spaces_are_cut_where_told() -> None:
    """Chinese is divided at the given places, text with spaces is not."""
    assert words_of("你好，世界。", (3, 4)) == ["你好", "世", "界"]
    assert words_of("hello", (2,)) == ["hello"]


def test_latin_spellings_become_ascii() -> None:
    """Accents go, ligatures and quotes are spelled, foreign digits are read, other scripts leave a gap."""
    text = "Ça «naïve» café — Straße, ٣ æon мир e\u0301"
    ascii_text, origins = to_ascii(text)

    assert ascii_text == 'Ca "naive" cafe  -  Strasse, 3 aeon     e'
    assert len(origins) == len(ascii_text)
    assert text[origins[ascii_text.index("Strasse") + 5]] == "ß"
