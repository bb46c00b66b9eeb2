"""What numbers, dates, times, money, units and abbreviations are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.speech.readable_text import make_readable
from visage.speech.reading.english import read_english
from visage.speech.reading.say_as import KINDS, NotSayable, say_as

pytestmark = pytest.mark.unit


def said(text: str) -> str:
    return read_english(make_readable(text)).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", "forty-two"),
        ("1,234,567.89", "one million two hundred thirty-four thousand five hundred sixty-seven point eight nine"),
        ("-3", "minus three"),
        ("007", "zero zero seven"),
        ("9" * 20, " ".join(["nine"] * 20)),
        ("21st", "twenty-first"),
        ("in 1999", "in nineteen ninety-nine"),
        ("the 1990s", "the nineteen nineties"),
        ("$3.50", "three dollars and fifty cents"),
        ("$1", "one dollar"),
        ("£1.2 million", "one point two million pounds"),
        ("20 EUR", "twenty euros"),
        ("May 5th, 1999", "May fifth nineteen ninety-nine"),
        ("5 June 2020", "the fifth of June twenty twenty"),
        ("2024-05-03", "May third, twenty twenty-four"),
        ("5/3/2024", "May third, twenty twenty-four"),
        ("31/12/2024", "December thirty-first, twenty twenty-four"),
        ("3:05 pm", "three oh five p m"),
        ("15:45", "fifteen forty-five"),
        ("12:00", "twelve o'clock"),
        ("5-10 km", "five to ten kilometres"),
        ("1 km", "one kilometre"),
        ("72kg", "seventy-two kilograms"),
        ("-3 °C", "minus three degrees Celsius"),
        ("10%", "ten percent"),
        ("1/2", "one half"),
        ("1½", "one and one half"),
        ("2/3", "two thirds"),
        ("555-123-4567", "five five five, one two three, four five six seven"),
        ("v1.2.3", "version one point two point three"),
        ("Dr. Smith", "doctor Smith"),
        ("St. John", "saint John"),
        ("Main St.", "Main street"),
        ("No. 5", "number five"),
        ("R&D", "R and D"),
        ("4-year-old", "four-year-old"),
    ],
)
def test_signs_become_words(text: str, expected: str) -> None:
    """Each kind of number and sign has its words."""
    assert said(text) == expected


@pytest.mark.parametrize("text", ["Good morning, everyone.", "Isn't it?", "a.m.", "Привет"])
def test_words_stay(text: str) -> None:
    """Text in words is read as it is."""
    assert said(text) == text


@pytest.mark.parametrize("text", ["2024-02-30", "99/99/2024", "25:61", "1/0"])
def test_what_no_calendar_has_is_read_as_numbers(text: str) -> None:
    """An impossible date, time or fraction is still read, number by number."""
    words = said(text)

    assert not any(character.isdigit() for character in words)


@given(st.text(alphabet=st.sampled_from("0123456789.,:/-$€£%&# abkmsthDr½²°MayPM'"), max_size=60))
def test_places_lead_back(text: str) -> None:
    """Whatever is put into words stands for a span of the text, in order, and nothing between is lost."""
    readable = read_english(make_readable(text))

    assert len(readable.text) == len(readable.origins) == len(readable.ends)
    assert not any(character.isascii() and character.isdigit() for character in readable.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(readable.origins, readable.ends, strict=True))
    covered = {place for start, end in zip(readable.origins, readable.ends, strict=True) for place in range(start, end)}
    assert {place for place, character in enumerate(text) if character.isalnum()} <= covered


@pytest.mark.parametrize(
    ("text", "kind", "layout", "language", "expected"),
    [
        ("ABC", "characters", "", "en-US", "ay, bee, see"),
        ("a1-", "spell-out", "", "en", "ay, one, dash"),
        ("42", "cardinal", "", "en-US", "forty-two"),
        ("42", "cardinal", "", "de", "zweiundvierzig"),
        ("42", "cardinal", "", "fr-FR", "quarante-deux"),
        ("3", "ordinal", "", "en", "third"),
        ("3rd", "ordinal", "", "en", "third"),
        ("407", "digits", "", "en", "four zero seven"),
        ("407", "digits", "", "es", "cuatro cero siete"),
        ("12/31/1999", "date", "mdy", "en", "December thirty-first, nineteen ninety-nine"),
        ("31.12.1999", "date", "dmy", "en", "December thirty-first, nineteen ninety-nine"),
        ("1999-12-31", "date", "", "en", "December thirty-first, nineteen ninety-nine"),
        ("20240503", "date", "yyyymmdd", "en", "May third, twenty twenty-four"),
        ("5/1999", "date", "my", "en", "May, nineteen ninety-nine"),
        ("2:30pm", "time", "hms12", "en", "two thirty p m"),
        ("+1 555 0100", "telephone", "", "en", "plus one, five five five, zero one zero zero"),
        ("$42.01", "currency", "", "en", "forty-two dollars and one cent"),
        ("5 kg", "unit", "", "en", "five kilograms"),
        ("3/4", "fraction", "", "en", "three quarters"),
        ("2 1/2", "fraction", "", "en", "two and one half"),
    ],
)
def test_say_as(text: str, kind: str, layout: str, language: str, expected: str) -> None:
    """A kind that the caller names decides how text is read."""
    assert say_as(text, kind, layout, language) == expected


@pytest.mark.parametrize(
    ("text", "kind", "layout", "language", "message"),
    [
        ("42", "colour", "", "en", "there are characters"),
        ("", "cardinal", "", "en", "no number"),
        ("x", "cardinal", "", "en", "no number"),
        ("9" * 20, "ordinal", "", "en", "15 digits"),
        ("x", "digits", "", "en", "no digit"),
        ("31/31/2024", "date", "mdy", "en", "calendar"),
        ("May", "date", "mdy", "en", "format"),
        ("25:00", "time", "", "en", "time of day"),
        ("abc", "telephone", "", "en", "telephone"),
        ("5 XYZ", "currency", "", "en", "amount"),
        ("5 parsecs", "unit", "", "en", "units"),
        ("1/0", "fraction", "", "en", "fraction"),
        ("2:30", "time", "", "de", "in English"),
        ("5", "cardinal", "", "tlh", "not known in tlh"),
    ],
)
def test_what_cannot_be_said_as_its_kind(text: str, kind: str, layout: str, language: str, message: str) -> None:
    """Text that is not of its kind is refused with what is expected."""
    with pytest.raises(NotSayable, match=message):
        say_as(text, kind, layout, language)


@given(st.text(max_size=30), st.sampled_from(KINDS), st.sampled_from(["", "mdy", "ymd", "d", "x"]))
def test_say_as_has_no_other_errors(text: str, kind: str, layout: str) -> None:
    """Any text is put into words or refused."""
    try:
        words = say_as(text, kind, layout, "en")
    except NotSayable:
        return

    assert isinstance(words, str)
