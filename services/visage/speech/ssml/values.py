"""Values of SSML's attributes: durations, rates, pitches, volumes, emphasis."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from visage.speech.prosody import (
    HIGHEST_GAIN_DB,
    HIGHEST_PITCH_SEMITONES,
    HIGHEST_RATE,
    LOWEST_GAIN_DB,
    LOWEST_PITCH_SEMITONES,
    LOWEST_RATE,
    WIDEST_RANGE,
    Prosody,
)

LONGEST_BREAK_S: Final = 10.0
_NUMBER: Final = r"(?:\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})"
_TIME: Final = re.compile(rf"\+?({_NUMBER})(ms|s)")
_SIGNED: Final = re.compile(rf"([+-]?)({_NUMBER})(%|st|dB|Hz)?")

BREAKS_S: Final[Mapping[str, float]] = {
    "none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.75, "x-strong": 1.2,
}  # fmt: skip
EMPHASIS: Final[Mapping[str, Prosody]] = {
    "strong": Prosody(0.82, 2.5, 4.0, 1.3),
    "moderate": Prosody(0.9, 1.2, 2.0, 1.15),
    "none": Prosody(),
    "reduced": Prosody(1.1, -1.0, -3.0, 0.8),
}
_RATES: Final[Mapping[str, float]] = {
    "x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.35, "x-fast": 1.8,
}  # fmt: skip
_PITCHES: Final[Mapping[str, float]] = {
    "x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0,
}  # fmt: skip
_RANGES: Final[Mapping[str, float]] = {
    "x-low": 0.3, "low": 0.6, "medium": 1.0, "default": 1.0, "high": 1.5, "x-high": 2.0,
}  # fmt: skip
_VOLUMES: Final[Mapping[str, float]] = {
    "silent": -96.0, "x-soft": -12.0, "soft": -6.0, "medium": 0.0, "default": 0.0, "loud": 4.0, "x-loud": 8.0,
}  # fmt: skip


def seconds(value: str) -> float:
    """Returns a duration such as 250ms or 1.5s, at most 10 s; raises ValueError."""
    found = _TIME.fullmatch(value.strip())
    if not found:
        raise ValueError(f"{value!r} is no duration such as 250ms or 1.5s")
    duration_s = float(found[1]) / (1000 if found[2] == "ms" else 1)
    if duration_s > LONGEST_BREAK_S:
        raise ValueError(f"{value!r} is longer than {LONGEST_BREAK_S:g} s")
    return duration_s


def break_seconds(strength: str) -> float:
    """Returns how long a break of that strength is; raises ValueError."""
    return _named(strength, BREAKS_S, "strength")


def emphasis(level: str) -> Prosody:
    """Returns what emphasis of that level does; raises ValueError."""
    if level not in EMPHASIS:
        raise ValueError(f"level {level!r} is not one of {', '.join(EMPHASIS)}")
    return EMPHASIS[level]


def rate(value: str) -> float:
    """Returns a speaking rate as a factor: a name, 80%, +20%, 0.8; raises ValueError."""
    if value in _RATES:
        return _RATES[value]
    sign, number, unit = _parts(value, ("", "%"), "rate", _RATES)
    factor = number / 100 if unit == "%" else number
    return _bounded(_relative(sign, factor), LOWEST_RATE, HIGHEST_RATE, "rate", value)


def pitch(value: str) -> float:
    """Returns a pitch in semitones against the voice's own: a name, +2st, -10%; raises ValueError."""
    if value in _PITCHES:
        return _PITCHES[value]
    sign, number, unit = _parts(value, ("st", "%"), "pitch", _PITCHES)
    if unit == "st":
        semitones = -number if sign == "-" else number
    else:
        factor = _relative(sign, number / 100)
        if factor <= 0:
            raise ValueError(f"pitch {value!r} leaves nothing")
        semitones = 12 * math.log2(factor)
    return _bounded(semitones, LOWEST_PITCH_SEMITONES, HIGHEST_PITCH_SEMITONES, "pitch", value)


def pitch_range(value: str) -> float:
    """Returns a pitch range as a factor: a name, 50%, +30%; raises ValueError."""
    if value in _RANGES:
        return _RANGES[value]
    sign, number, _ = _parts(value, ("%",), "range", _RANGES)
    return _bounded(_relative(sign, number / 100), 0.0, WIDEST_RANGE, "range", value)


def volume(value: str) -> float:
    """Returns a gain in dB: a name, +6dB, or 0..100 as in SSML 1.0, where 100 is the voice's own; raises ValueError."""
    if value in _VOLUMES:
        return _VOLUMES[value]
    sign, number, unit = _parts(value, ("dB", "", "%"), "volume", _VOLUMES)
    if unit == "dB":
        gain_db = -number if sign == "-" else number
    else:
        share = _relative(sign, number / 100)
        gain_db = 20 * math.log10(share) if share > 0 else LOWEST_GAIN_DB
    return _bounded(max(gain_db, LOWEST_GAIN_DB), LOWEST_GAIN_DB, HIGHEST_GAIN_DB, "volume", value)


def _relative(sign: str, number: float) -> float:
    """A factor: +20% is 1.2, -20% is 0.8, 80% is 0.8."""
    return 1 + number if sign == "+" else 1 - number if sign == "-" else number


def _parts(value: str, units: tuple[str, ...], what: str, names: Mapping[str, float]) -> tuple[str, float, str]:
    found = _SIGNED.fullmatch(value.strip())
    if not found or (found[3] or "") not in units:
        forms = ", ".join(f"a number with {unit}" if unit else "a number" for unit in units)
        raise ValueError(f"{what} {value!r} is not one of {', '.join(names)}, nor {forms}")
    return found[1], float(found[2]), found[3] or ""


def _bounded(number: float, lowest: float, highest: float, what: str, value: str) -> float:
    if not lowest <= number <= highest:
        raise ValueError(f"{what} {value!r} is outside {lowest:g} to {highest:g}")
    return number


def _named(value: str, names: Mapping[str, float], what: str) -> float:
    if value not in names:
        raise ValueError(f"{what} {value!r} is not one of {', '.join(names)}")
    return names[value]
