"""Where a text is cut into clauses."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.speech.clauses import FIRST_COMMA_LENGTH, LONGEST, Clause, ClauseSplitter, End

pytestmark = pytest.mark.unit

SPEECH = (
    "Good morning to each and every one of you, dear friends, and welcome! "
    "Dr. Smith paid $3.50 for 42 pop-tarts. Is that not wonderful? "
    "It was, as far as anybody who had been there could tell, the first time in the history of the whole town that "
    "the bells rang twice, and nobody, not even the old man at the gate, knew why they had done so"
)


def cut(*pieces: str) -> list[Clause]:
    splitter = ClauseSplitter()
    return [clause for piece in pieces for clause in splitter.push(piece)] + splitter.flush()


def texts(*pieces: str) -> list[str]:
    return [clause.text.strip() for clause in cut(*pieces)]


def test_sentences_end_clauses() -> None:
    """Each sentence is a clause; abbreviations, initials and decimals end none."""
    found = texts("I met Mr. J. Smith. He paid 3.50 dollars! Why? Because.")

    assert found == ["I met Mr. J. Smith.", "He paid 3.50 dollars!", "Why?", "Because."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好。世界很大！对吗？", ["你好。", "世界很大！", "对吗？"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("مرحبا؟ نعم.", ["مرحبا؟", "نعم."]),
        ("„Ja.“ Gut.", ["„Ja.“", "Gut."]),
        ("First line\n\nSecond line", ["First line", "Second line"]),
    ],
)
def test_other_scripts_have_their_own_stops(text: str, expected: list[str]) -> None:
    """Stops of Chinese, Hindi and Arabic, stops before closing quotes and blank lines end clauses."""
    assert texts(text) == expected


def test_first_clause_may_end_at_an_early_comma() -> None:
    """The first clause ends at a comma once it is long enough; later ones only when they are long."""
    sentence = "When all of the guests had finally gone home, she sat down, and she smiled, and then she slept."
    first, second, *rest = cut(f"{sentence} {sentence}")

    assert first.text.endswith("gone home,")
    assert len(first.text) >= FIRST_COMMA_LENGTH
    assert first.end is End.COMMA
    assert second.text.endswith("slept.")
    assert [clause.text.strip() for clause in rest] == [sentence]


def test_endless_text_is_cut_at_a_space() -> None:
    """Without punctuation a clause ends at a space, without spaces anywhere, never later than the limit."""
    spaced = cut("word " * 200)
    solid = cut("x" * 1000)

    assert all(len(clause.text) <= LONGEST and clause.end is End.CUT for clause in spaced[:-1])
    assert all(clause.text.strip().split(" ")[-1] == "word" for clause in spaced)
    assert max(len(clause.text) for clause in solid) == LONGEST


def test_a_stop_waits_for_what_follows() -> None:
    """A stop at the end of a piece ends the clause only when a space follows."""
    splitter = ClauseSplitter()

    assert splitter.push("It costs 3.") == []
    assert splitter.push("5 dollars.") == []
    assert [clause.text for clause in splitter.push(" And")] == ["It costs 3.5 dollars."]


def test_flush_speaks_what_is_pending() -> None:
    """Half a sentence becomes a clause by flush; nothing is left to speak twice."""
    splitter = ClauseSplitter()
    splitter.push("Hold on")

    assert [clause.text for clause in splitter.flush()] == ["Hold on"]
    assert splitter.flush() == []


def test_what_cannot_be_said_is_no_clause() -> None:
    """Punctuation, emoji and white space alone give no clause, however much of it there is."""
    assert cut("... !!! — 🎉 \n\n", "?" * 5000, " " * 5000) == []


@given(st.lists(st.integers(0, len(SPEECH)), max_size=30))
def test_cuts_do_not_depend_on_pieces(places: list[int]) -> None:
    """However the text is split, the clauses are the same."""
    bounds = [0, *sorted(places), len(SPEECH)]
    pieces = [SPEECH[start:end] for start, end in itertools.pairwise(bounds)]

    assert cut(*pieces) == cut(SPEECH)


@given(st.text(max_size=600))
def test_clauses_are_the_callers_text(text: str) -> None:
    """Each clause stands in the text where it says, in order and without overlap; every letter is in one."""
    clauses = cut(text)
    position = 0
    for clause in clauses:
        assert clause.start >= position
        assert text[clause.start : clause.start + len(clause.text)] == clause.text
        position = clause.start + len(clause.text)

    assert sum(map(str.isalpha, "".join(clause.text for clause in clauses))) == sum(map(str.isalpha, text))
