"""What the corpus and the evaluation of lip sync are made of: labels of voices, and speech in other styles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.lip_sync.festival_voices import FESTIVAL_VOICES
from models.lip_sync.piper import phones_of_signs
from models.lip_sync.styles import SAMPLE_RATE_HZ, Signal, breathless, shouted, whispered
from models.lip_sync.voices import phones_of_labels

pytestmark = pytest.mark.models

PITCH_HZ = 125.0
Style = Callable[[Signal, np.random.Generator], Signal]


@pytest.fixture
def voice() -> NDArray[np.float64]:
    """A second of pulses at 125 Hz, dulled, that starts after 0.2 s."""
    pulses = np.zeros(SAMPLE_RATE_HZ)
    pulses[SAMPLE_RATE_HZ // 5 :: round(SAMPLE_RATE_HZ / PITCH_HZ)] = 1
    return np.convolve(pulses, 0.97 ** np.arange(200))[:SAMPLE_RATE_HZ] * 0.3


def periodicity(sound: NDArray[np.float64], pitch_hz: float) -> float:
    """Correlation of the middle of a sound with itself one period later."""
    lag = round(SAMPLE_RATE_HZ / pitch_hz)
    middle = sound[6000:14000]
    return float(np.corrcoef(middle[:-lag], middle[lag:])[0, 1])


@pytest.mark.parametrize("style", [whispered, breathless, shouted])
def test_a_style_keeps_the_times(voice: NDArray[np.float64], style: Style) -> None:
    """As many samples, silence where it was silent, sound in the full range where it sounded."""
    made = style(voice, np.random.default_rng(0))

    assert len(made) == len(voice)
    assert np.abs(made[:2200]).max() < 0.05
    assert 0.8 < np.abs(made[3600:]).max() <= 1


def test_whispers_have_no_pitch_and_shouts_a_higher_one(voice: NDArray[np.float64]) -> None:
    """Half an octave and more up for a shout, nothing periodic in a whisper."""
    random = np.random.default_rng(0)

    assert periodicity(voice, PITCH_HZ) > 0.9
    assert periodicity(whispered(voice, random), PITCH_HZ) < 0.3
    assert periodicity(shouted(voice, random), 1.5 * PITCH_HZ) > 0.7


def test_labels_of_other_languages_become_phone_classes() -> None:
    """A Czech label maps through its table, length marks are dropped, times move by the voice's lead."""
    voice = FESTIVAL_VOICES["festival_czech_dita"]
    phones = phones_of_labels([("#", 0.0, 0.1), ("c~", 0.1, 0.2), ("a:", 0.2, 0.4), ("r~*", 0.4, 0.5)], voice)

    assert [phone.phone for phone in phones] == ["sil", "ch", "aa", "sh"]
    assert phones[1].start_s == pytest.approx(0.1 + voice.lead_s)


def test_signs_of_a_piper_voice_become_phones() -> None:
    """Stress goes with the next sound, length with the last; joined signs are one phone, long spaces pauses."""
    signs = ("^", "ˈ", "t", "ʃ", "ˈ", "a", "ɪ", " ", "m", "i", "ː", " ", ".")
    lengths_s = (0.05, 0.01, 0.04, 0.05, 0.01, 0.1, 0.06, 0.04, 0.05, 0.1, 0.03, 0.2, 0.1)
    phones = phones_of_signs(signs, np.cumsum([0.0, *lengths_s]))

    assert [phone.phone for phone in phones] == ["sil", "ch", "ay", "m", "iy", "sil", "sil"]
    assert phones[1].start_s == pytest.approx(0.05)
    assert phones[2].end_s == pytest.approx(0.36)
    assert phones[4].end_s == pytest.approx(0.54)
    assert phones[2].stress > phones[4].stress
