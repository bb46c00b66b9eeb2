"""Cuts text that arrives in pieces into clauses that can be spoken one after the other.

A clause ends with a sentence, with a comma when it is long already, or at a space when it is too long. The first clause
may end at an early comma, so that the listener hears something soon. A cut waits for the character behind it: "3." may
become "3.5".
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from visage.speech.readable_text import has_speech

FIRST_COMMA_LENGTH: Final = 40
COMMA_LENGTH: Final = 140
LONGEST: Final = 240

_SENTENCE_END: Final = re.compile(
    "[.!?…]+[\"'“”’»)\\]]*(?=\\s)"  # Latin, Greek, Cyrillic: a space must follow.
    "|[。！？｡।॥؟۔]+[”’」』）]*"  # Han and kana, Indic, Arabic: none does.
    "|\\n\\s*\\n"
)
_COMMA: Final = re.compile("[,;:–—][\"'”’»)\\]]*(?=\\s)|[、，；：،؛]")
# A full stop after these ends no sentence.
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|No|Inc|Ltd|Co|e\.g|i\.e|approx|Fig|Gen|Col|Sgt|Rev)\.$"
)


class End(enum.Enum):
    """Why a clause ends where it does; decides the pause behind it."""

    PARAGRAPH = "paragraph"
    SENTENCE = "sentence"
    COMMA = "comma"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the caller's text with at least one letter or digit.

    Attributes:
        text: As the caller wrote it.
        start: Position of its first character in the caller's text.
        end: Why it ends.
    """

    text: str
    start: int
    end: End


class ClauseSplitter:
    """Takes pieces of text, gives clauses; holds at most one unfinished clause."""

    def __init__(self, *, is_first: bool = True) -> None:
        """Begins at position 0; the first clause of all may be shorter than the others."""
        self._pending = ""
        self._start = 0
        self._is_first = is_first

    def push(self, piece: str) -> list[Clause]:
        """Returns the clauses that `piece` completes."""
        self._pending += piece
        clauses: list[Clause] = []
        while (cut := self._find_cut()) is not None:
            position, end = cut
            clauses += self._take(position, end)
        return clauses

    def flush(self, end: End = End.SENTENCE) -> list[Clause]:
        """Returns what is pending as a clause that ends so, if it holds anything to say."""
        return self._take(len(self._pending), end)

    def skip(self, length: int) -> None:
        """Counts `length` characters that are spoken by other means; nothing must be pending."""
        self._start += length
        self._is_first = False

    def _take(self, position: int, end: End) -> list[Clause]:
        text, start = self._pending[:position], self._start
        self._pending = self._pending[position:]
        self._start += position
        if not has_speech(text):
            return []
        self._is_first = False
        return [Clause(text, start, end)]

    def _find_cut(self) -> tuple[int, End] | None:
        """Position just behind the next clause and why it ends there; None while the text may still go on."""
        # A stop in the last place of a full window still sees what follows it.
        window = self._pending[: LONGEST + 1]
        least = FIRST_COMMA_LENGTH if self._is_first else COMMA_LENGTH
        sentence, comma = self._sentence_end(window), self._comma(window, least)
        # Whichever comes first, so that cuts do not depend on how much text has arrived.
        if comma is not None and (sentence is None or comma < sentence):
            return comma, End.COMMA
        if sentence is not None:
            return sentence, End.SENTENCE
        if len(window) <= LONGEST:
            return None
        space = window.rfind(" ", LONGEST // 2)
        return (space if space > 0 else LONGEST), End.CUT

    @staticmethod
    def _comma(window: str, least: int) -> int | None:
        return next((comma.end() for comma in _COMMA.finditer(window) if comma.end() >= least), None)

    @staticmethod
    def _sentence_end(window: str) -> int | None:
        for stop in _SENTENCE_END.finditer(window):
            is_abbreviated = stop.group() == "." and _ABBREVIATION.search(window[: stop.end()])
            if has_speech(window[: stop.end()]) and not is_abbreviated:
                return stop.end()
        return None
