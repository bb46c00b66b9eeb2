"""Text as callers send it → text that an engine can read, with the way back to the caller's positions."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

_FIRST_PICTURE: Final = 0x2190
_JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class ReadableText:
    """Text for an engine.

    Attributes:
        text: What to read.
        origins: Position in the caller's text where that begins which each character of `text` stands for.
        ends: Where it ends, exclusive; one behind the origin for a character that stands for itself.
    """

    text: str
    origins: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def verbatim(cls, text: str, start: int = 0) -> ReadableText:
        """Returns the caller's own text, which begins at position `start` of all the caller sent."""
        places = range(start, start + len(text) + 1)
        return cls(text, tuple(places[:-1]), tuple(places[1:]))

    @classmethod
    def standing_for(cls, text: str, start: int, end: int) -> ReadableText:
        """Returns text each character of which stands for the caller's start..end."""
        return cls(text, (start,) * len(text), (end,) * len(text))

    @classmethod
    def joined(cls, parts: Iterable[ReadableText]) -> ReadableText:
        """Returns the parts behind one another."""
        listed = list(parts)
        return cls(
            "".join(part.text for part in listed),
            tuple(origin for part in listed for origin in part.origins),
            tuple(end for part in listed for end in part.ends),
        )

    def cut(self, start: int, end: int) -> ReadableText:
        """Returns the part text[start:end]."""
        return ReadableText(self.text[start:end], self.origins[start:end], self.ends[start:end])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Returns the caller's positions of text[start:end], end exclusive; the span must not be empty."""
        return self.origins[start], self.ends[end - 1]


def has_speech(text: str) -> bool:
    """Returns whether `text` holds a letter or a digit of any script, or a placeholder of a pronunciation."""
    return any(category[0] in "LN" or category == "Co" for category in map(unicodedata.category, text))


def make_readable(source: str | ReadableText, placeholders: Container[str] = ()) -> ReadableText:
    """Returns `source` without what cannot be read aloud: control and format characters, pictures, emoji.

    White space of every kind becomes a space, and pictures become one, so that words stay apart. Joiners stay
    inside words: Persian and the scripts of India need them. Of the private characters only `placeholders` stay.
    """
    given = ReadableText.verbatim(source) if isinstance(source, str) else source
    characters: list[str] = []
    kept_at: list[int] = []
    for position, character in enumerate(given.text):
        before = characters[-1] if characters else " "
        kept = character if character in placeholders else _readable(character, before)
        if kept:
            characters.append(kept)
            kept_at.append(position)
    return ReadableText(
        "".join(characters),
        tuple(given.origins[position] for position in kept_at),
        tuple(given.ends[position] for position in kept_at),
    )


def _readable(character: str, before: str) -> str:
    """The character to read in place of `character`, or nothing."""
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if character in _JOINERS:
        return character if unicodedata.category(before)[0] in "LM" else ""
    if category in ("Cc", "Cf", "Cs", "Co", "Cn") or _is_picture_part(character):
        return ""
    if category == "So" and ord(character) >= _FIRST_PICTURE:
        return " "
    return character


def _is_picture_part(character: str) -> bool:
    """Variation selectors, skin tones and the key cap's frame, which change the picture before them."""
    code = ord(character)
    return 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF or code == 0x20E3
