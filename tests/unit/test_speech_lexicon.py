"""A caller's own pronunciations in lines of text."""

from __future__ import annotations

import pytest

from visage.runtime.errors import InvalidField
from visage.speech.clauses import Clause, End
from visage.speech.lexicon import Lexicon
from visage.speech.line import Line
from visage.speech.riva.requests import read_dictionary

pytestmark = pytest.mark.unit


def line(text: str, start: int = 0) -> Line:
    return Line.of_clause(Clause(text, start, End.SENTENCE))


def said(lexicon: Lexicon, text: str) -> str:
    """The text with the pronunciations written out."""
    applied = lexicon.apply(line(text))
    return "".join(applied.pronunciations.get(character, character) for character in applied.text.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cat.", "A kæt."),
        ("CAT, cat!", "kæt, kæt!"),
        ("A concatenation of cats.", "A concatenation of cats."),
        ("The cat's cat", "The cat's kæt"),
        ("A big cat sat.", "A bɪɡkæt sat."),
        ("C++ and cat", "si and kæt"),
        ("\uf000 cat", "  kæt"),
    ],
)
def test_whole_words_are_replaced(text: str, expected: str) -> None:
    """Words count whatever their case, the longest entry first, and never inside others; private characters go."""
    assert said(Lexicon({"cat": "kæt", "big cat": "bɪɡkæt", "C++": "si"}), text) == expected


def test_positions_stay_the_callers() -> None:
    """The placeholder stands for the whole word in the caller's text."""
    applied = Lexicon({"cat": "kæt"}).apply(line("A cat sat.", start=100))

    assert applied.text.span(2, 3) == (102, 105) and applied.text.span(4, 7) == (106, 109)


def test_lines_without_entries_are_untouched() -> None:
    """Nothing is copied where nothing is replaced."""
    given = line("A dog.")

    assert Lexicon({"cat": "kæt"}).apply(given) is given and Lexicon({}).apply(given) is given


@pytest.mark.parametrize("written", ["cat", "cat kæt", "  kæt", "cat  kæt,", "cat  kæt,,dog  dɔɡ", "cat  9", "cat  "])
def test_bad_dictionaries_are_refused(written: str) -> None:
    """Entries need a grapheme, two spaces and IPA; the message counts them from 1."""
    with pytest.raises(InvalidField, match=r"custom_dictionary: entry [12]"):
        read_dictionary(written)


def test_spaces_around_entries_are_no_part_of_them() -> None:
    """Lists may be written with spaces behind the commas."""
    assert said(read_dictionary("cat  kæt, dog   dɔɡ "), "cat dog") == "kæt dɔɡ"
