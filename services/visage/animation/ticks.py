"""The motor clock: ticks of 20 ms, the frames of the lip-sync network; resampled once, at the end."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

TICK_RATE_HZ: Final = 50
TICK_S: Final = 1 / TICK_RATE_HZ
SAMPLE_RATE_HZ: Final = 16_000
"""Of the audio that mouths and loudness are read from."""
TICK_SAMPLES: Final = SAMPLE_RATE_HZ // TICK_RATE_HZ


def tick_at(duration: Fraction) -> int:
    """First tick that starts at or after `duration` seconds."""
    return -(-duration.numerator * TICK_RATE_HZ // duration.denominator)
