"""SMPTE time codes, HH:MM:SS:FF.fraction, as Live Link Face writes them; to seconds.

Codes count frames; how many a second has is told by the caller, or shows in the codes: the last frame before the
seconds change. Drop-frame codes leave out the first two (of 30) or four (of 60) numbers of each minute but every tenth
and run at 1000/1001 of their nominal rate.
Source: SMPTE ST 12-1, "Time and Control Code".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.runtime.errors import InvalidField

_CODE: Final = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})([:;.,])(\d{1,3})(?:[.,](\d{1,9}))?")
_USUAL_RATES: Final = (24, 25, 30, 48, 50, 60, 100, 120, 240)
# Live Link Face's own; of recordings in which no second ends.
_DEFAULT_RATE: Final = 60
DAY_S: Final = 86_400
"""Seconds of labels until they begin again."""
_AROUND_MIDNIGHT_S: Final = 600
_NTSC: Final = Fraction(1000, 1001)

Codes = NDArray[np.float64]
"""[rows, 2]: whole seconds of the label, and frames within the second."""


def parse_code(text: str) -> tuple[int, float, bool] | None:
    """Returns seconds and frames of a label, and whether a semicolon marks it as drop-frame; None if it is none."""
    match = _CODE.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, mark, frames, fraction = match.groups()
    if int(minutes) > 59 or int(seconds) > 59:
        return None
    part = float(f"0.{fraction}") if fraction else 0.0
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds), int(frames) + part, mark == ";"


@dataclass(frozen=True, slots=True)
class CodeClock:
    """How time codes run.

    Attributes:
        nominal: Frame numbers a second.
        rate: Frames per second.
        dropped: Numbers that are left out at the start of most minutes; 0 without drop-frame.
    """

    nominal: int
    rate: Fraction
    dropped: int

    @classmethod
    def of(cls, codes: Codes, rate: Fraction | None, *, is_marked: bool) -> CodeClock:
        """Returns the clock that [rows, 2] codes show.

        Args:
            codes: As read, in order.
            rate: As told by the caller; None where the codes must show it.
            is_marked: They are written as drop-frame.

        Raises:
            InvalidField: They count more frames than the rate has.
        """
        highest = int(codes[:, 1].max()) if len(codes) else 0
        nominal = math.ceil(rate) if rate is not None else _usual_rate(codes, highest)
        if highest >= nominal:
            raise InvalidField(
                "config.source_frame_rate",
                f"the time codes count to frame {highest}, which {nominal} frames per second do not have",
                highest + 1,
            )
        leaves_out = round(nominal / 15) if nominal % 30 == 0 else 0
        dropped = leaves_out if leaves_out and (is_marked or _skips(codes, nominal, leaves_out)) else 0
        return cls(nominal, rate or (nominal * _NTSC if dropped else Fraction(nominal)), dropped)

    def seconds(self, codes: Codes) -> NDArray[np.float64]:
        """Returns [rows] seconds since midnight, of the day on which the recording begins."""
        label_s = codes[:, 0].copy()
        if len(label_s) > 1:
            label_s[1:] += DAY_S * np.cumsum(is_midnight(codes[:-1, 0], codes[1:, 0]))
        minutes = label_s // 60
        left_out = self.dropped * (minutes - minutes // 10)
        return np.asarray((label_s * self.nominal + codes[:, 1] - left_out) / float(self.rate))


def is_midnight(before_s: NDArray[np.float64], after_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether labels begin again between two rows; a lone label that is wrong is no midnight."""
    return (before_s > DAY_S - _AROUND_MIDNIGHT_S) & (after_s < _AROUND_MIDNIGHT_S)


def has_second_ended(codes: Codes) -> bool:
    """Whether the codes go from one second to the next: then their last frame is known."""
    return bool((np.diff(codes[:, 0]) == 1).any())


def _usual_rate(codes: Codes, highest: int) -> int:
    if not has_second_ended(codes) and highest < _DEFAULT_RATE:
        return _DEFAULT_RATE
    return next((rate for rate in _USUAL_RATES if rate > highest), highest + 1)


def _skips(codes: Codes, nominal: int, leaves_out: int) -> bool:
    """Whether a minute begins with the first number that drop-frame codes have, right after the last of a minute."""
    starts = (codes[1:, 0] % 60 == 0) & (codes[1:, 0] // 60 % 10 != 0) & (np.diff(codes[:, 0]) == 1)
    first, last = np.floor(codes[1:, 1][starts]), np.floor(codes[:-1, 1][starts])
    return bool(len(first)) and bool(((first == leaves_out) & (last == nominal - 1)).all())
