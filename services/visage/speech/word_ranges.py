"""Where the words of a text are, as a reader sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_SPOKEN_SYMBOLS: Final = frozenset("%&@#*+=")
# Scripts that write no spaces: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def word_ranges(text: str, cuts: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Returns (start, end) of the runs between spaces without the punctuation around them; runs of it alone have none.

    Symbols that are read aloud, such as % and &, belong to the word. Runs in scripts without spaces are also divided
    at `cuts`, ascending positions in `text`.
    """
    ranges = []
    for run in re.finditer(r"\S+", text):
        start, end = run.span()
        inner = [cut for cut in cuts if start < cut < end] if _UNSPACED.search(run.group()) else []
        for first, last in zip([start, *inner], [*inner, end], strict=True):
            trimmed = trim(text, first, last)
            if trimmed is not None:
                ranges.append(trimmed)
    return ranges


def trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Returns text[start:end] without the punctuation at its ends, as positions; None if nothing else is there."""
    while start < end and not _is_spoken(text[start]):
        start += 1
    while end > start and not _is_spoken(text[end - 1]):
        end -= 1
    return (start, end) if start < end else None


def _is_spoken(character: str) -> bool:
    # Private characters stand for a pronunciation.
    category = unicodedata.category(character)
    return category[0] in "LNMS" or category == "Co" or character in _SPOKEN_SYMBOLS
