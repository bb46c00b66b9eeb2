"""Text as callers send it → text that an engine can read, with the way back to the caller's positions."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

_FIRST_PICTURE: Final = 0x2190
_JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class ReadableText:
    """Text for an engine.

    Attributes:
        text: What to read.
        origins: Position in the caller's text of each character of `text`.
    """

    text: str
    origins: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Returns the caller's positions of text[start:end], end exclusive; the span must not be empty."""
        return self.origins[start], self.origins[end - 1] + 1


def has_speech(text: str) -> bool:
    """Returns whether `text` holds a letter or a digit of any script."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)


def make_readable(text: str) -> ReadableText:
    """Returns `text` without what cannot be read aloud: control and format characters, pictures, emoji.

    White space of every kind becomes a space, and pictures become one, so that words stay apart. Joiners stay
    inside words: Persian and the scripts of India need them.
    """
    characters: list[str] = []
    origins: list[int] = []
    for position, character in enumerate(text):
        kept = _readable(character, characters[-1] if characters else " ")
        if kept:
            characters.append(kept)
            origins.append(position)
    return ReadableText("".join(characters), tuple(origins))


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
