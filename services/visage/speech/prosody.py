"""How a text is to be spoken."""

from __future__ import annotations

from dataclasses import dataclass

LOWEST_RATE, HIGHEST_RATE = 0.25, 4.0
LOWEST_PITCH_SEMITONES, HIGHEST_PITCH_SEMITONES = -12.0, 12.0
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -96.0, 16.0
WIDEST_RANGE = 3.0


@dataclass(frozen=True, slots=True)
class Prosody:
    """How speech differs from the voice's own.

    Attributes:
        rate: Speaking rate, 0.25..4; 1 is the voice's own.
        pitch_semitones: -12..12 against the voice's own pitch.
        volume_gain_db: -96..16.
        pitch_range: Factor 0..3 of how far the pitch moves around its mean; 0 is a monotone.
        brightness_db: Gain of the spectrum above 2 kHz against that below 500 Hz, -12..12: a tense or a soft voice.
    """

    rate: float = 1.0
    pitch_semitones: float = 0.0
    volume_gain_db: float = 0.0
    pitch_range: float = 1.0
    brightness_db: float = 0.0

    def then(self, change: Prosody) -> Prosody:
        """Returns this with `change` on top, within the limits."""
        return Prosody(
            _within(self.rate * change.rate, LOWEST_RATE, HIGHEST_RATE),
            _within(self.pitch_semitones + change.pitch_semitones, LOWEST_PITCH_SEMITONES, HIGHEST_PITCH_SEMITONES),
            _within(self.volume_gain_db + change.volume_gain_db, LOWEST_GAIN_DB, HIGHEST_GAIN_DB),
            _within(self.pitch_range * change.pitch_range, 0.0, WIDEST_RANGE),
            _within(self.brightness_db + change.brightness_db, -12.0, 12.0),
        )


def semitones_to_factor(semitones: float) -> float:
    """Returns the factor of a frequency."""
    return float(2.0 ** (semitones / 12.0))


def _within(value: float, lowest: float, highest: float) -> float:
    return min(max(value, lowest), highest)
