"""How a text is to be spoken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prosody:
    """Global prosody.

    Attributes:
        rate: Speaking rate, 0.25..4; 1 is the voice's own.
        pitch_semitones: -12..12 against the voice's own pitch.
        volume_gain_db: -96..16.
    """

    rate: float = 1.0
    pitch_semitones: float = 0.0
    volume_gain_db: float = 0.0


def semitones_to_factor(semitones: float) -> float:
    """Returns the factor of a frequency."""
    return float(2.0 ** (semitones / 12.0))
