"""Options that are written name=value: yaw=10,pitch=-5."""

from __future__ import annotations

import math
from collections.abc import Mapping

import typer


def read_pairs(text: str, names: tuple[str, ...], option: str) -> dict[str, str]:
    """Returns what "a=1,b=2" says; each name is one of `names` and stands once."""
    pairs: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in names or name in pairs:
            wanted = ",".join(f"{known}=…" for known in names)
            raise typer.BadParameter(f"expected {wanted}, each at most once, not {part!r}", param_hint=option)
        pairs[name] = value
    return pairs


def read_numbers(pairs: Mapping[str, str], option: str) -> dict[str, float]:
    """Returns the values as numbers."""
    return {name: read_number(name, value, option) for name, value in pairs.items()}


def read_number(name: str, value: str, option: str) -> float:
    """Returns one value as a number; NaN and infinity are none."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise typer.BadParameter(f"{name} must be a number, not {value!r}", param_hint=option)
    return number
