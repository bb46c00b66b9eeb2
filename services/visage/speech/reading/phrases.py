"""English phrases of numbers: dates, times of day, money, fractions, telephone numbers."""

from __future__ import annotations

import calendar

from visage.speech.reading.english_words import CURRENCIES, FRACTIONS, MAGNITUDES, MONTHS, UNITS
from visage.speech.reading.numerals import cardinal, decimal, digits, ordinal, year


def date(day: int | None, month: int | None, year_number: int | None) -> str | None:
    """Returns a date, "May the fifth, nineteen ninety-nine"; None if the calendar lacks it."""
    parts = []
    if month is not None:
        if not 1 <= month <= 12:
            return None
        parts.append(MONTHS[month - 1])
    if day is not None:
        longest = calendar.monthrange(year_number or 2000, month)[1] if month and (year_number or 1) < 10_000 else 31
        if not 1 <= day <= longest:
            return None
        parts.append(ordinal(day))
    if year_number is not None:
        if not 1 <= year_number <= 9999:
            return None
        parts.append(("," if parts else "") + year(year_number))
    return " ".join(parts).replace(" ,", ", ") if parts else None


def time_of_day(hour: int, minute: int, second: int | None = None, half: str = "") -> str | None:
    """Returns a time, "three thirty p m"; None if no clock shows it. `half` is am, pm or empty."""
    if not (0 <= hour <= 24 and 0 <= minute < 60 and (second is None or 0 <= second < 60)):
        return None
    words = [cardinal(hour)]
    if minute == 0:
        words += [] if half else ["o'clock" if 1 <= hour <= 12 else "hundred hours"]
    else:
        words.append(f"oh {cardinal(minute)}" if minute < 10 else cardinal(minute))
    if second:
        words.append(f"and {cardinal(second)} {'second' if second == 1 else 'seconds'}")
    if half:
        words += [half[0].lower(), "m"]
    return " ".join(words)


def money(sign: str, amount: str, magnitude: str = "") -> str:
    """Returns an amount, "three dollars and fifty cents"; `sign` is a key of `CURRENCIES`."""
    one, many, hundredth, hundredths = CURRENCIES[sign]
    whole, _, fraction = amount.replace(",", "").partition(".")
    if magnitude:
        return f"{decimal(amount)} {MAGNITUDES[magnitude.lower()]} {many}"
    if len(fraction) > 2:
        return f"{decimal(amount)} {many}"
    # 3.5 is three fifty.
    cents = int(fraction.ljust(2, "0")) if fraction else 0
    words = [] if cents and int(whole or 0) == 0 else [f"{decimal(whole or '0')} {one if whole == '1' else many}"]
    if cents:
        words.append(f"{cardinal(cents)} {hundredth if cents == 1 else hundredths}")
    return " and ".join(words)


def fraction(numerator: int, denominator: int) -> str | None:
    """Returns "three quarters", "two thirds", "one over two hundred"; None for a denominator of zero or one."""
    if denominator < 2:
        return None
    if (numerator, denominator) in FRACTIONS:
        return FRACTIONS[numerator, denominator]
    if denominator == 2:
        return f"{cardinal(numerator)} halves"
    if denominator > 99:
        return f"{cardinal(numerator)} over {cardinal(denominator)}"
    return f"{cardinal(numerator)} {ordinal(denominator)}{'' if numerator == 1 else 's'}"


def telephone(written: str) -> str:
    """Returns a telephone number digit by digit, with short pauses between its groups."""
    plus = "plus " if written.lstrip().startswith("+") else ""
    return plus + digits(written)


def unit(amount: str, sign: str) -> str:
    """Returns what a unit behind `amount` is called; `sign` is a key of `UNITS`."""
    one, many = UNITS[sign]
    return one if amount.replace(",", "").lstrip("+-−") == "1" else many
