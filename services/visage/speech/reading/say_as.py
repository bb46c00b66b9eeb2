"""SSML's say-as: text whose kind the caller names, in words.

Source of the kinds: "SSML 1.0 say-as attribute values", W3C Working Group Note, 26 May 2005, and what speech services
commonly accept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from visage.speech.reading import phrases
from visage.speech.reading.english_words import CURRENCIES, LETTERS, PUNCTUATION, UNITS
from visage.speech.reading.numerals import (
    LONGEST_NUMBER,
    cardinal,
    decimal,
    digits,
    has_numerals,
    ordinal,
)

_NUMBER: Final = re.compile(r"[+−-]?[\d,]*\d(?:\.\d+)?")
_DATE_PARTS: Final = re.compile(r"\d+")
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(?:[:.](\d{2}))?\s*([AaPp]\.?[Mm]\.?)?")
_MONEY: Final = re.compile(r"(US\$|[^\d\s.,]|[A-Z]{3})?\s*(\d[\d,]*(?:\.\d+)?)\s*([A-Z]{3}|[^\d\s.,])?")
_UNIT: Final = re.compile(r"([+−-]?[\d,]*\d(?:\.\d+)?)\s*(\S+)")
_FRACTION: Final = re.compile(r"(?:(\d{1,9})[\s+]+)?(\d{1,9})\s*/\s*(\d{1,9})")


class NotSayable(ValueError):
    """The text is not of its kind; the message says what is expected."""


def say_as(text: str, kind: str, layout: str, language: str) -> str:
    """Returns `text` in words.

    Args:
        text: Not empty, without white space at its ends.
        kind: SSML's interpret-as, one of `KINDS`.
        layout: SSML's format: of a date, letters of d, m, y in their order (default mdy); otherwise not looked at.
        language: BCP-47. Cardinal, ordinal, digits and characters are known in many languages, the others in English.

    Raises:
        NotSayable: An unknown kind, text that is not of the kind, or a language without it.
    """
    known = _KINDS.get(kind)
    if known is None:
        raise NotSayable(f"interpret-as {kind!r} is not known; there are {', '.join(KINDS)}")
    is_english = language.lower().startswith("en")
    if kind in _ENGLISH_KINDS and not is_english:
        raise NotSayable(f"interpret-as {kind!r} is known in English, not in {language}")
    if kind in ("cardinal", "number", "ordinal", "digits") and not has_numerals(language):
        raise NotSayable(f"interpret-as {kind!r} is not known in {language}")
    return known(text, layout, language)


def _characters(text: str, layout: str, language: str) -> str:
    is_english = language.lower().startswith("en")
    words = []
    for character in text:
        plain = unicodedata.normalize("NFKD", character)[0].lower()
        if character.isspace():
            continue
        if character.isdecimal() and has_numerals(language):
            words.append(digits(character, language))
        elif is_english and plain in LETTERS:
            words.append(LETTERS[plain])
        else:
            words.append(PUNCTUATION.get(character, character) if is_english else character)
    # Commas keep letters from running into words.
    return ", ".join(words)


def _cardinal(text: str, layout: str, language: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise NotSayable(f"{text!r} is no number")
    if language.lower().startswith("en"):
        return decimal(text)
    return cardinal(_whole(text), language)


def _ordinal(text: str, layout: str, language: str) -> str:
    return ordinal(_whole(re.sub(r"(?:st|nd|rd|th|\.)$", "", text)), language)


def _digits(text: str, layout: str, language: str) -> str:
    said = digits(text, language)
    if not said:
        raise NotSayable(f"{text!r} holds no digit")
    return said


def _date(text: str, layout: str, language: str) -> str:
    order = (layout or "mdy").lower().replace("yyyymmdd", "ymd")
    order = "".join(dict.fromkeys(letter for letter in order if letter in "dmy"))
    numbers = [int(number) for number in _DATE_PARTS.findall(text)[:4]]
    if len(text) == 8 and text.isdecimal() and order == "ymd":
        numbers = [int(text[:4]), int(text[4:6]), int(text[6:])]
    if not layout and re.match(r"\d{4}\D", text):
        order = "ymd"
    fields = dict(zip(order, numbers, strict=False))
    if not order or len(numbers) != len(order):
        raise NotSayable(f"{text!r} is no date of the format {order or layout!r}")
    said = phrases.date(fields.get("d"), fields.get("m"), fields.get("y"))
    if said is None:
        raise NotSayable(f"{text!r} is no date of the calendar in the format {order!r}")
    return said


def _time(text: str, layout: str, language: str) -> str:
    found = _TIME.fullmatch(text)
    said = None
    if found:
        hour, minute, second, half = found.groups()
        said = phrases.time_of_day(
            int(hour), int(minute or 0), int(second) if second else None, (half or "").replace(".", "")
        )
    if said is None:
        raise NotSayable(f"{text!r} is no time of day")
    return said


def _telephone(text: str, layout: str, language: str) -> str:
    said = phrases.telephone(text)
    if not said or re.search(r"[^\d\s()+./x-]", text):
        raise NotSayable(f"{text!r} is no telephone number")
    return said


def _currency(text: str, layout: str, language: str) -> str:
    found = _MONEY.fullmatch(text)
    sign = (found[1] or found[3] or "") if found else ""
    if found is None or sign not in CURRENCIES:
        raise NotSayable(f"{text!r} is no amount in one of {', '.join(CURRENCIES)}")
    return phrases.money(sign, found[2])


def _unit(text: str, layout: str, language: str) -> str:
    found = _UNIT.fullmatch(text)
    if found is None or found[2] not in UNITS:
        raise NotSayable(f"{text!r} is no number with one of the units {', '.join(UNITS)}")
    return f"{decimal(found[1])} {phrases.unit(found[1], found[2])}"


def _fraction(text: str, layout: str, language: str) -> str:
    found = _FRACTION.fullmatch(text)
    said = phrases.fraction(int(found[2]), int(found[3])) if found else None
    if found is None or said is None:
        raise NotSayable(f"{text!r} is no fraction")
    return f"{cardinal(int(found[1]))} and {said}" if found[1] else said


def _whole(text: str) -> int:
    written = text.replace(",", "").replace("−", "-")
    if not re.fullmatch(rf"[+-]?\d{{1,{LONGEST_NUMBER}}}", written):
        raise NotSayable(f"{text!r} is no whole number of at most {LONGEST_NUMBER} digits")
    return int(written)


_KINDS: Final[Mapping[str, Callable[[str, str, str], str]]] = {
    "characters": _characters,
    "spell-out": _characters,
    "verbatim": _characters,
    "cardinal": _cardinal,
    "number": _cardinal,
    "ordinal": _ordinal,
    "digits": _digits,
    "date": _date,
    "time": _time,
    "telephone": _telephone,
    "currency": _currency,
    "unit": _unit,
    "fraction": _fraction,
}
_ENGLISH_KINDS: Final = frozenset({"date", "time", "telephone", "currency", "unit", "fraction"})
KINDS: Final = tuple(_KINDS)
"""Values of interpret-as."""
