"""What is spoken in one go: a clause with everything that is known of how to speak it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from visage.speech.clauses import Clause, End
from visage.speech.prosody import Prosody
from visage.speech.readable_text import ReadableText
from visage.speech.voices import Voice
from visage.speech.word_ranges import trim

_REFERENCE: Final = re.compile(r"&#?\w+;")
_TAG: Final = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: its name and its position in the caller's text."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Line:
    """A clause, or a pause alone if its text is empty.

    Attributes:
        text: What the caller wrote, without markup.
        end: Why it ends; decides the pause behind it.
        pause_s: The pause behind it, if the caller has said how long.
        voice: Of the line, if not that of the whole.
        prosodies: (position in the caller's text, prosody from there on), ascending; empty means as the whole.
        marks: In the line or before it, ascending.
        pronunciations: IPA of the placeholder characters in `text`.
        source: The part of the caller's text that the line stands in, markup and all.
        source_start: Position of its first character.
    """

    text: ReadableText
    end: End
    pause_s: float | None = None
    voice: Voice | None = None
    prosodies: Sequence[tuple[int, Prosody]] = ()
    marks: Sequence[Mark] = ()
    pronunciations: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    source_start: int = 0

    @classmethod
    def of_clause(cls, clause: Clause) -> Line:
        """Returns the line of a clause of plain text."""
        text = ReadableText.verbatim(clause.text, clause.start)
        return cls(text, clause.end, source=clause.text, source_start=clause.start)

    def prosody_at(self, position: int) -> Prosody:
        """Returns the prosody at a position of the caller's text."""
        index = bisect_right([start for start, _ in self.prosodies], position) - 1
        return self.prosodies[index][1] if index >= 0 else Prosody()

    def without_edges(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span of the caller's text without the punctuation around it; as it is if nothing remains."""
        first, last = start - self.source_start, end - self.source_start
        # The semicolon of &amp; is no punctuation.
        found = None if _REFERENCE.search(self.source[first:last]) else trim(self.source, first, last)
        return (found[0] + self.source_start, found[1] + self.source_start) if found else (start, end)

    def written(self, start: int, end: int) -> str:
        """Returns the caller's text of that span, without markup."""
        return _TAG.sub("", self.source[start - self.source_start : end - self.source_start])
