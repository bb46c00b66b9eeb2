"""What a caller sends, in pieces of text and in documents, → the lines to speak."""

from __future__ import annotations

from visage.speech.clauses import ClauseSplitter
from visage.speech.lexicon import NO_LEXICON, Lexicon
from visage.speech.line import Line
from visage.speech.ssml.document import read_document
from visage.speech.ssml.speakers import Speakers


class Script:
    """Makes lines as soon as they are complete; positions count all that was sent."""

    def __init__(self, speakers: Speakers, lexicon: Lexicon = NO_LEXICON) -> None:
        """Takes who speaks, and how the caller wants words to be said."""
        self._speakers = speakers
        self._lexicon = lexicon
        self._splitter = ClauseSplitter()
        self._length = 0

    @property
    def length(self) -> int:
        """Characters sent so far."""
        return self._length

    def text(self, piece: str) -> list[Line]:
        """Returns the lines that a piece of plain text completes."""
        self._length += len(piece)
        return [self._lexicon.apply(Line.of_clause(clause)) for clause in self._splitter.push(piece)]

    def document(self, source: str, field: str) -> list[Line]:
        """Returns what is pending, then the lines of an SSML document.

        Raises:
            SsmlInvalid: The document is not SSML that is spoken here.
        """
        pending = self.flush()
        lines = read_document(source, field, self._length, self._speakers, is_first=self._length == 0)
        self._length += len(source)
        self._splitter.skip(len(source))
        return pending + [self._lexicon.apply(line) for line in lines]

    def flush(self) -> list[Line]:
        """Returns what is pending."""
        return [self._lexicon.apply(Line.of_clause(clause)) for clause in self._splitter.flush()]
