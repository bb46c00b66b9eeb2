"""Text in any Latin spelling → the ASCII that an English-only engine reads, with the way back."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

_SPELLED: Final[Mapping[str, str]] = {
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "–": " - ",
    "—": " - ",
    "‐": "-",
    "−": "-",
    "…": "...",
    "°": " degrees",
    "×": " times ",
    "÷": " divided by ",
    "€": " euro ",
    "£": " pound ",
    "ß": "ss",
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "þ": "th",
    "ð": "th",
}


def to_ascii(text: str, spelled: Mapping[str, str] | None = None) -> tuple[str, list[int]]:
    """Returns the ASCII reading of `text` and, for each of its characters, the position in `text` it comes from.

    Characters that are keys of `spelled` are read as it says. Accents are dropped, digits of other scripts become 0-9,
    letters of other scripts become spaces.
    """
    characters: list[str] = []
    origins: list[int] = []
    for position, character in enumerate(text):
        reading = (spelled or {}).get(character)
        if reading is None:
            reading = character if character.isascii() else _spell(character)
        characters.append(reading)
        origins += [position] * len(reading)
    return "".join(characters), origins


def _spell(character: str) -> str:
    if character in _SPELLED:
        return _SPELLED[character]
    if unicodedata.combining(character):
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or " "
