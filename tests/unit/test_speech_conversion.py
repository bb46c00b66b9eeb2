"""Filters that follow the phones: length, timing and loudness stay, the spectrum becomes the other voice's."""

from __future__ import annotations

import numpy as np
import pytest

from visage.media import pcm
from visage.media.phones import PHONE_COUNT, PHONE_INDEX
from visage.speech.conversion import Conversion
from visage.speech.prosody import Prosody
from visage.speech.spectral_shape import BINS, filter_by_class, log_power, smooth
from visage.speech.utterance import Phoneme, Timing, Utterance
from visage.speech.voice_statistics import VoiceStatistics, measure_voice, shares_of_posteriors, shares_of_timing

pytestmark = pytest.mark.unit

RATE_HZ = 16_000
AA = PHONE_INDEX["aa"]
TIMING = Timing((Phoneme("ɑ", "aa", 0.0, 1.0), Phoneme("s", "s", 1.0, 2.0)), ())


def buzz(pitch_hz: float, tilt: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Two seconds of harmonics, each as loud as its number to the power of `tilt`."""
    time_s = np.arange(2 * rate_hz) / rate_hz
    numbers = np.arange(1.0, int(7000 / pitch_hz))
    tones = np.sin(2 * np.pi * pitch_hz * numbers[:, None] * time_s) * numbers[:, None] ** tilt
    sound = tones.sum(axis=0) + np.random.default_rng(1).normal(0, 1e-3, len(time_s))
    return (0.1 * sound / sound.std()).astype(np.float32)


def statistics(samples: np.ndarray) -> VoiceStatistics:
    shares = np.zeros((len(samples) // 80 + 1, PHONE_COUNT))
    shares[:, AA] = 1
    return measure_voice(samples, shares)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 32_000])
def test_a_flat_filter_changes_nothing(rate_hz: int) -> None:
    """With gains of one the sound is what it was, sample for sample, at any rate."""
    sound = buzz(120, -1, rate_hz)
    same = filter_by_class(sound, rate_hz, np.ones((10, 1)), np.zeros((1, BINS)))

    assert len(same) == len(sound)
    # The first and last frames lack a neighbour to overlap with.
    inner = slice(rate_hz // 20, -rate_hz // 20)
    assert np.abs(same - sound)[inner].max() < 2e-3


def test_a_filter_changes_its_class_alone() -> None:
    """A gain for one phone is heard while that phone sounds, and not in the other."""
    sound = buzz(120, -1)
    gains = np.zeros((PHONE_COUNT, BINS))
    gains[AA] = np.log(100.0)
    changed = filter_by_class(sound, RATE_HZ, shares_of_timing(TIMING, 2.0), gains)

    assert pcm.level_db(changed[3000:14_000]) - pcm.level_db(sound[3000:14_000]) == pytest.approx(20, abs=0.2)
    assert pcm.level_db(changed[18_000:30_000]) - pcm.level_db(sound[18_000:30_000]) == pytest.approx(0, abs=0.1)


def test_conversion_brings_the_spectrum_near() -> None:
    """A dull voice converted into a bright one has the bright one's spectrum, within 1 dB between 200 Hz and 6 kHz."""
    dull, bright = buzz(120, -1.5), buzz(120, -0.7)
    conversion = Conversion.between(statistics(dull), statistics(bright))
    # Both halves are the phone that was measured.
    timing = Timing((Phoneme("ɑ", "aa", 0.0, 2.0),), ())
    converted = conversion.apply(Utterance(dull, RATE_HZ, timing))
    shapes = [smooth(log_power(sound).mean(axis=0), 40) for sound in (converted.samples, bright)]
    shapes = [10 / np.log(10) * (shape - shape[20:180].mean()) for shape in shapes]

    assert np.abs(shapes[0] - shapes[1])[8:190].max() < 1.5
    assert len(converted.samples) == len(dull) and converted.timing == timing
    assert pcm.level_db(converted.samples) == pytest.approx(pcm.level_db(dull), abs=0.1)


def test_pitch_is_asked_of_the_engine() -> None:
    """A voice an octave higher asks its base voice for twelve semitones more, at half strength for six."""
    conversion = Conversion.between(statistics(buzz(100, -1)), statistics(buzz(200, -1)))

    assert conversion.spoken(Prosody(rate=1.5)).pitch_semitones == pytest.approx(12, abs=0.3)
    assert conversion.of_strength(0.5).spoken(Prosody()).pitch_semitones == pytest.approx(6, abs=0.2)
    assert conversion.spoken(Prosody(rate=1.5)).rate == 1.5


def test_without_strength_nothing_happens() -> None:
    """Strength 0 is the base voice."""
    conversion = Conversion.between(statistics(buzz(120, -1.5)), statistics(buzz(150, -0.7))).of_strength(0)
    sound = buzz(120, -1.5)
    same = conversion.apply(Utterance(sound, RATE_HZ, TIMING))

    assert conversion.spoken(Prosody()) == Prosody()
    assert np.abs(same.samples - sound)[800:-800].max() < 5e-3


def test_a_conversion_survives_storing() -> None:
    """What is stored is read back, rounded to single precision; other bytes are refused."""
    conversion = Conversion.between(statistics(buzz(120, -1.5)), statistics(buzz(150, -0.7))).of_strength(0.75)
    read = Conversion.from_bytes(conversion.to_bytes())

    assert np.abs(read.gains - conversion.gains).max() < 1e-6
    assert (read.pitch_semitones, read.strength) == (conversion.pitch_semitones, 0.75)
    with pytest.raises(ValueError, match="gains"):
        Conversion.from_bytes(Conversion(np.zeros((2, BINS)), 0.0).to_bytes())


def test_a_phone_hardly_heard_is_changed_like_the_whole() -> None:
    """A phone that the sample lacks gets the voice's overall change, one that it has its own."""
    base = VoiceStatistics(np.full(PHONE_COUNT, 500.0), np.zeros((PHONE_COUNT, BINS)), np.zeros(BINS), 100)
    spectra = np.zeros((PHONE_COUNT, BINS))
    spectra[AA] = np.linspace(2, -2, BINS)
    weights = np.zeros(PHONE_COUNT)
    weights[AA] = 1000
    target = VoiceStatistics(weights, spectra, np.linspace(-1, 1, BINS), 100)
    gains = Conversion.between(base, target).gains

    assert np.corrcoef(gains[AA], spectra[AA])[0, 1] > 0.95
    assert np.allclose(gains[PHONE_INDEX["s"]], smooth(target.voiced_spectrum, 60), atol=1e-6)


def test_whispering_has_no_pitch() -> None:
    """A sample without anything voiced cannot be measured."""
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    with pytest.raises(ValueError, match="voiced"):
        statistics(noise)


def test_posteriors_become_frames() -> None:
    """A step of 10 ms centred at 10 ms covers the frames around it."""
    posteriors = np.eye(PHONE_COUNT, dtype=np.float32)[:10]
    shares = shares_of_posteriors(posteriors, 1600)

    assert shares.shape == (21, PHONE_COUNT)
    assert shares[2].argmax() == 0 and shares[8].argmax() == 3
