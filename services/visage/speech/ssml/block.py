"""Runs of a document's text between hard boundaries, cut into lines."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import Final

from visage.speech.clauses import ClauseSplitter, End
from visage.speech.line import Line, Mark
from visage.speech.prosody import Prosody
from visage.speech.readable_text import ReadableText
from visage.speech.voices import Voice

_NO_TEXT: Final = ReadableText("", (), ())
_STOPS: Final = frozenset(".!?…。！？｡।॥؟۔")
_COMMAS: Final = frozenset(",;:–—、，；：،؛")


class Blocks:
    """Collects text, marks and boundaries in the order of the document."""

    def __init__(self, source: str, start: int, is_first: bool) -> None:
        """Takes the document, its position in all that the caller sent, and whether nothing was spoken before it."""
        self._source = source
        self._start = start
        self._is_first = is_first
        self._lines: list[Line] = []
        self._texts: list[ReadableText] = []
        self._prosodies: list[tuple[int, Prosody]] = []
        self._marks: list[Mark] = []
        self._voice: Voice | None = None
        self._pronunciations: dict[str, str] = {}

    def pronounce(self, placeholder: str, ipa: str) -> None:
        """Says how a placeholder is pronounced."""
        self._pronunciations[placeholder] = ipa

    def mark(self, mark: Mark) -> None:
        """Sets a mark before what follows."""
        self._marks.append(mark)

    def say(self, text: ReadableText, voice: Voice, prosody: Prosody, *, keep_private: bool) -> None:
        """Adds text; private characters of the caller's own would be taken for placeholders and become spaces."""
        plain = "".join(
            " " if character.isspace() or (not keep_private and "\ue000" <= character <= "\uf8ff") else character
            for character in text.text
        )
        origins = tuple(origin + self._start for origin in text.origins)
        ends = tuple(end + self._start for end in text.ends)
        self._texts.append(ReadableText(plain, origins, ends))
        if origins and (not self._prosodies or self._prosodies[-1][1] != prosody):
            self._prosodies.append((origins[0], prosody))
        self._voice = voice

    def close(self, end: End, pause_s: float | None = None) -> None:
        """Ends the block: a pause follows, of `pause_s` or as fits `end`; CUT means as fits the text."""
        text = ReadableText.joined(self._texts)
        if end is End.CUT and pause_s is None:
            end = _end_of(text.text)
        splitter = ClauseSplitter(is_first=self._is_first)
        clauses = [*splitter.push(text.text), *splitter.flush(end)]
        lines = [self._line(text.cut(c.start, c.start + len(c.text)), c.end) for c in clauses]
        if lines:
            lines[-1] = replace(lines[-1], end=end, pause_s=pause_s)
            self._is_first = False
            self._lines += lines
        elif pause_s is not None or end is End.PARAGRAPH:
            self._close_again(end, pause_s)
        self._texts = []

    def _close_again(self, end: End, pause_s: float | None) -> None:
        """A break or a paragraph's end right behind the end of a line says how long that line's pause is."""
        if self._lines and self._lines[-1].pause_s is None:
            self._lines[-1] = replace(self._lines[-1], end=end, pause_s=pause_s)
        elif pause_s is not None:
            self._lines.append(Line(_NO_TEXT, End.CUT, pause_s))

    def finish(self) -> list[Line]:
        """Returns the lines; marks behind the last word come with a line of their own."""
        if self._marks:
            self._lines.append(Line(_NO_TEXT, End.CUT, marks=tuple(self._marks)))
        return self._lines

    def _line(self, text: ReadableText, end: End) -> Line:
        last = text.ends[-1]
        marks = tuple(mark for mark in self._marks if mark.position < last)
        self._marks = [mark for mark in self._marks if mark.position >= last]
        return Line(
            text,
            end,
            voice=self._voice,
            prosodies=tuple(self._prosodies[self._index_of(text.origins[0]) : self._index_of(last) + 1]),
            marks=marks,
            pronunciations={key: self._pronunciations[key] for key in text.text if key in self._pronunciations},
            source=self._source,
            source_start=self._start,
        )

    def _index_of(self, position: int) -> int:
        """Which of the prosodies holds at a position."""
        return max(0, bisect_right(self._prosodies, position, key=lambda item: item[0]) - 1)


def _end_of(text: str) -> End:
    last = text.rstrip(" \"'”’»)]")[-1:]
    return End.SENTENCE if last in _STOPS else End.COMMA if last in _COMMAS else End.CUT
