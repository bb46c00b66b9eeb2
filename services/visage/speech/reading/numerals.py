"""Numbers in words, by the rules of Unicode CLDR (package unicode-rbnf).

Source: Unicode Technical Standard 35, part 3, "Rule-Based Number Formatting".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from unicode_rbnf import FormatPurpose, RbnfEngine

LONGEST_NUMBER: Final = 15
"""Digits; a longer row is read digit by digit."""
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@lru_cache(maxsize=64)
def _engine(language: str) -> RbnfEngine | None:
    """The rules of a language or of its wider form; None if there are none."""
    subtags = language.replace("-", "_").split("_")
    known = {name.lower(): name for name in RbnfEngine.get_supported_languages()}
    while subtags:
        found = known.get("_".join(subtags).lower())
        if found is not None:
            return RbnfEngine.for_language(found)
        subtags.pop()
    return None


def has_numerals(language: str) -> bool:
    """Returns whether numbers can be written in words in a language (BCP-47)."""
    return _engine(language) is not None


def cardinal(number: int, language: str = "en") -> str:
    """Returns a number in words: forty-two.

    Raises:
        KeyError: No rules for the language, see `has_numerals`.
    """
    return _written(number, FormatPurpose.CARDINAL, language)


def ordinal(number: int, language: str = "en") -> str:
    """Returns a number as a rank: forty-second; raises KeyError as `cardinal` does."""
    return _written(number, FormatPurpose.ORDINAL, language)


def year(number: int) -> str:
    """Returns a year in English: nineteen ninety-nine."""
    return _written(number, FormatPurpose.YEAR, "en")


def digits(written: str, language: str = "en") -> str:
    """Returns digits one by one; what is no digit between them becomes a short pause."""
    words: list[str] = []
    for character in written:
        if character.isdecimal():
            value = int(character)
            words.append(_DIGITS[value] if language.startswith("en") else cardinal(value, language))
        elif words and not words[-1].endswith(","):
            words[-1] += ","
    return " ".join(words).rstrip(",")


def decimal(written: str) -> str:
    """Returns a written English number in words: "-1,004.50" is minus one thousand four point five zero.

    A row of more than 15 digits, or one that begins with a zero, is read digit by digit.
    """
    body = written.replace(",", "")
    sign = "minus " if body[0] in "-−" else ""
    whole, _, fraction = body.lstrip("+-−").partition(".")
    if len(whole) > LONGEST_NUMBER or (len(whole) > 1 and whole[0] == "0"):
        words = digits(whole)
    else:
        words = cardinal(int(whole)) if whole else "zero"
    return sign + words + (f" point {digits(fraction)}" if fraction else "")


def _written(number: int, purpose: FormatPurpose, language: str) -> str:
    engine = _engine(language)
    if engine is None:
        raise KeyError(language)
    # Soft hyphens mark where German and others may divide a long number.
    return engine.format_number(number, purpose).text.replace("\u00ad", "")
