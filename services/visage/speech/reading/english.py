"""English text with its numbers, dates, times, money, units, abbreviations and signs in words.

Every character of the result knows what it stands for, so that times lead back to the caller's own text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from visage.speech.readable_text import ReadableText
from visage.speech.reading import phrases
from visage.speech.reading.english_words import (
    ABBREVIATIONS,
    CURRENCIES,
    MAGNITUDES,
    MONTH_NUMBER,
    MONTHS,
    SIGNS,
    UNITS,
    VULGAR,
)
from visage.speech.reading.numerals import LONGEST_NUMBER, cardinal, decimal, digits, ordinal, year

Part = tuple[str | int, str]
"""What is read for a group of the match (by name; 0 is all of it), in the order of speaking."""

_NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_EDGE: Final = r"(?<![\w.,/$€£-])"
_END: Final = r"(?![\w/])(?!\.\d)"


def _choice(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MONTH: Final = rf"(?P<month>{_choice(MONTH_NUMBER)})\.?"


def _money(match: re.Match[str]) -> list[Part]:
    sign = match["sign"] or match["code"]
    return [(0, phrases.money(sign, match["amount"] or match["amount2"], match["size"] or ""))]


def _iso_date(match: re.Match[str]) -> list[Part] | None:
    said = phrases.date(int(match["d"]), int(match["m"]), int(match["y"]))
    return [(0, said)] if said else None


def _slash_date(match: re.Match[str]) -> list[Part] | None:
    first, second, year_number = int(match["a"]), int(match["b"]), int(match["y"])
    # American order, unless only the other one is a date.
    said = phrases.date(second, first, year_number) or phrases.date(first, second, year_number)
    return [(0, said)] if said else None


def _named_date(match: re.Match[str]) -> list[Part] | None:
    month = MONTH_NUMBER[match["month"].lower()]
    if phrases.date(int(match["day"]), month, None) is None:
        return None
    said_month, said_day = MONTHS[month - 1], ordinal(int(match["day"]))
    is_day_first = match.start("day") < match.start("month")
    parts: list[Part] = [("day", f"the {said_day} of"), ("month", said_month)]
    if not is_day_first:
        parts = [("month", said_month), ("day", said_day)]
    if match["y"]:
        parts.append(("y", year(int(match["y"]))))
    return parts


def _time(match: re.Match[str]) -> list[Part] | None:
    second = int(match["s"]) if match["s"] else None
    half = (match["half"] or "").replace(".", "")
    said = phrases.time_of_day(int(match["h"]), int(match["m"]), second, half)
    return [(0, said)] if said else None


def _hour(match: re.Match[str]) -> list[Part] | None:
    said = phrases.time_of_day(int(match["h"]), 0, None, match["half"].replace(".", ""))
    return [(0, said)] if said else None


def _quantity(match: re.Match[str]) -> list[Part]:
    amount = ("-" if match["minus"] else "") + match["amount"]
    return [("amount", decimal(amount)), ("unit", phrases.unit(amount, match["unit"]))]


def _fraction(match: re.Match[str]) -> list[Part] | None:
    said = phrases.fraction(int(match["n"]), int(match["d"]))
    return [(0, said)] if said else None


def _vulgar(match: re.Match[str]) -> list[Part]:
    said = phrases.fraction(*VULGAR[match["vulgar"]]) or ""
    return [(0, f"{decimal(match['whole'])} and {said}" if match["whole"] else said)]


def _range(match: re.Match[str]) -> list[Part]:
    unit = [("unit", phrases.unit(match["last"], match["unit"]))] if match["unit"] else []
    return [("first", f"{_plain_number(match['first'])} to"), ("last", _plain_number(match["last"])), *unit]


def _ordinal(match: re.Match[str]) -> list[Part] | None:
    written = match["n"].replace(",", "")
    return [(0, ordinal(int(written)))] if len(written) <= LONGEST_NUMBER else None


def _decade(match: re.Match[str]) -> list[Part]:
    said = year(int(match["n"])) if len(match["n"]) == 4 else cardinal(int(match["n"]))
    return [(0, re.sub("y$", "ie", said) + "s")]


def _number(match: re.Match[str]) -> list[Part]:
    return [(0, ("minus " if match["minus"] else "") + _plain_number(match["n"]))]


def _dotted(match: re.Match[str]) -> list[Part]:
    """Versions and addresses: 1.2.3."""
    words = " point ".join(map(decimal, match["n"].split(".")))
    return [(0, f"version {words}" if match["v"] else words)]


def _plain_number(written: str) -> str:
    """A number; four digits that look like a year are one."""
    if len(written) == 4 and written.isdecimal() and 1100 <= int(written) < 2100:
        return year(int(written))
    return decimal(written)


def _abbreviation(match: re.Match[str]) -> list[Part]:
    return [(0, ABBREVIATIONS[match["short"]])]


def _saint(match: re.Match[str]) -> list[Part]:
    return [(0, "street" if match["name"] is None else "saint")]


_RULES: Final[list[tuple[str, Callable[[re.Match[str]], list[Part] | None]]]] = [
    (rf"{_EDGE}(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d){_END}", _iso_date),
    (rf"{_EDGE}(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})/(?P<y>\d{{4}}){_END}", _slash_date),
    (
        rf"\b(?i:{_MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?![./:]\d)(?:,? (?P<y>[12]\d{{3}})\b(?!\.\d))?",
        _named_date,
    ),
    (
        rf"{_EDGE}(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?i:{_MONTH})(?!\w)(?:,? (?P<y>[12]\d{{3}})\b(?!\.\d))?",
        _named_date,
    ),
    (
        rf"{_EDGE}(?P<h>\d{{1,2}}):(?P<m>\d\d)(?::(?P<s>\d\d))?(?: ?(?P<half>[AaPp]\.?[Mm]\b\.?))?(?![\w:])",
        _time,
    ),
    (rf"{_EDGE}(?P<h>\d{{1,2}}) ?(?P<half>[AaPp]\.?[Mm])\b\.?(?!\w)", _hour),
    (
        rf"(?<!\w)(?:(?P<sign>US\$|[{''.join(s for s in CURRENCIES if len(s) == 1)}]) ?(?P<amount>{_NUMBER})"
        rf"|(?P<amount2>{_NUMBER}) ?(?P<code>€|£|₹|{_choice(s for s in CURRENCIES if s.isalpha())}))"
        rf"(?: ?(?P<size>(?i:{_choice(MAGNITUDES)})))?(?!\w)",
        _money,
    ),
    (rf"(?<![\w.])(?:\+\d{{1,3}}[ -]?)?(?:\(\d{{3}}\) ?|\d{{3}}[-. ])\d{{3}}[-.]\d{{4}}{_END}",
     lambda match: [(0, phrases.telephone(match[0]))]),
    (rf"{_EDGE}(?P<n>\d{{1,3}}(?:,\d{{3}})+|\d+)(?:st|nd|rd|th)\b", _ordinal),
    (r"(?<!\w)(?P<n>[12]\d\d0|[2-9]0)s\b", _decade),
    (rf"(?<![\w.,/])(?:(?P<minus>(?<!\w)[-−])(?=\d))?(?P<amount>{_NUMBER}) ?(?P<unit>{_choice(UNITS)})(?![\w/²³])",
     _quantity),
    (rf"(?<![\w.])(?P<whole>\d+)? ?(?P<vulgar>[{''.join(VULGAR)}])", _vulgar),
    (rf"{_EDGE}(?P<n>\d{{1,3}})/(?P<d>\d{{1,3}}){_END}", _fraction),
    (
        rf"{_EDGE}(?P<first>{_NUMBER}) ?[-–] ?(?P<last>{_NUMBER})(?![\d-]| ?[.,]\d)"
        rf"(?: ?(?P<unit>{_choice(UNITS)})(?![\w/]))?(?!\w)",
        _range,
    ),
    (r"(?<!\w)(?:No\.|Nos\.|#)(?= ?\d)", lambda match: [(0, "number")]),
    (r"(?<![\w.])(?P<v>v)?(?P<n>\d{1,5}(?:\.\d{1,5}){2,7})(?!\w)", _dotted),
    (rf"(?:(?<![\w.)])(?P<minus>[-−]))?(?<![\d.])(?P<n>{_NUMBER})(?!\d)", _number),
    (r"(?<!\d)\.(?P<n>\d+)", lambda match: [(0, f"point {digits(match['n'])}")]),
    # Whatever number is left.
    (r"\d+", lambda match: [(0, decimal(match[0]))]),
    (rf"(?<![\w.])(?P<short>{_choice(ABBREVIATIONS)})(?!\w)", _abbreviation),
    (r"(?<!\w)St\.(?P<name>(?= [A-Z]))?(?!\w)", _saint),
    (rf"(?P<signs>[{re.escape(''.join(SIGNS))}])", lambda match: [(0, SIGNS[match["signs"]])]),
]  # fmt: skip
Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], list[Part] | None]]
_COMPILED: Final[list[Rule]] = [(re.compile(pattern), say) for pattern, say in _RULES]
# Text without any of these is read as it is.
_SUSPECT: Final = re.compile(rf"[\d{re.escape(''.join(SIGNS) + ''.join(VULGAR))}]|\w\.")


def read_english(readable: ReadableText) -> ReadableText:
    """Returns `readable` with what is not written in words put into words."""
    if not _SUSPECT.search(readable.text):
        return readable
    pieces: list[ReadableText] = []
    position = 0
    waiting = [_next(rule, readable.text, 0) for rule in _COMPILED]
    while any(waiting):
        # The first in the text wins, then the first of the rules.
        found = min((item for item in waiting if item is not None), key=lambda item: item[0].start())
        match, parts = found
        pieces += [readable.cut(position, match.start()), _spoken(readable, match, parts)]
        position = match.end()
        for index, item in enumerate(waiting):
            if item is not None and item[0].start() < position:
                waiting[index] = _next(_COMPILED[index], readable.text, position)
    return ReadableText.joined([*pieces, readable.cut(position, len(readable.text))])


def _next(rule: Rule, text: str, position: int) -> tuple[re.Match[str], list[Part]] | None:
    """The next match of a rule that can be read, and what is read for it."""
    pattern, say = rule
    for match in pattern.finditer(text, position):
        parts = say(match)
        if parts:
            return match, parts
    return None


def _spoken(readable: ReadableText, match: re.Match[str], parts: list[Part]) -> ReadableText:
    pieces = []
    for index, (group, words) in enumerate(parts):
        start, end = match.span(group)
        span = readable.span(start, end)
        before = " " if index == 0 and match.string[: match.start()][-1:].isalnum() else ""
        behind = " " if index + 1 < len(parts) or match.string[match.end() :][:1].isalnum() else ""
        pieces.append(ReadableText.standing_for(before + words + behind, *span))
    return ReadableText.joined(pieces)
