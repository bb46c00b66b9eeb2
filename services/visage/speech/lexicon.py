"""A caller's own pronunciations: words of the text that are said as given IPA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from visage.speech.line import Line
from visage.speech.readable_text import ReadableText

MAX_ENTRIES: Final = 1_000
_FIRST: Final = 0xF000
"""Placeholders of a document's phoneme elements begin at U+E000, and there are no more than 2,000 of them."""


class Lexicon:
    """Graphemes → IPA; whole words are replaced, whatever their case, the longest first."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        """Takes at most 1,000 entries with IPA that `check_ipa` has passed; graphemes must not be empty."""
        self._places = {grapheme.casefold(): chr(_FIRST + index) for index, grapheme in enumerate(entries)}
        self._ipa = {self._places[grapheme.casefold()]: ipa for grapheme, ipa in entries.items()}
        longest_first = sorted(entries, key=len, reverse=True)
        # An apostrophe joins: "don" is no word of "don't".
        pattern = rf"(?<!\w)(?<!\w['’])(?:{'|'.join(map(re.escape, longest_first))})(?!\w|['’]\w)"
        self._pattern = re.compile(pattern, re.IGNORECASE) if entries else None

    def apply(self, line: Line) -> Line:
        """Returns the line with placeholders where its words have entries; positions stay the caller's."""
        if self._pattern is None:
            return line
        text = self._without_placeholders(line.text)
        parts: list[ReadableText] = []
        used: dict[str, str] = {}
        end = 0
        for match in self._pattern.finditer(text.text):
            place = self._places.get(match.group().casefold())
            if place is None:
                continue
            used[place] = self._ipa[place]
            parts += [text.cut(end, match.start()), ReadableText.standing_for(place, *text.span(*match.span()))]
            end = match.end()
        if not used:
            return line
        parts.append(text.cut(end, len(text.text)))
        return replace(line, text=ReadableText.joined(parts), pronunciations={**line.pronunciations, **used})

    def _without_placeholders(self, text: ReadableText) -> ReadableText:
        """The caller's own private characters must not be taken for placeholders."""
        plain = "".join(" " if character in self._ipa else character for character in text.text)
        return replace(text, text=plain)


NO_LEXICON: Final = Lexicon({})
