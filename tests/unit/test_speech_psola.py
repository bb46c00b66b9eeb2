"""Pitch and duration of finished speech."""

from __future__ import annotations

import numpy as np
import pytest

from visage.media import pcm
from visage.speech.psola import change_pitch_and_duration, pitch_periods

pytestmark = pytest.mark.unit

RATE_HZ = 16_000


def vowel(hertz: float, seconds: float = 1.0, formants_hz: tuple[int, ...] = (600, 1200)) -> pcm.FloatPcm:
    """Pulses through resonances, much like a vowel."""
    pulses = np.zeros(round(seconds * RATE_HZ))
    pulses[:: round(RATE_HZ / hertz)] = 1.0
    times_s = np.arange(400) / RATE_HZ
    response = sum(np.exp(-times_s * 300) * np.sin(2 * np.pi * f * times_s) for f in formants_hz)
    return (0.2 * np.convolve(pulses, response)[: len(pulses)]).astype(np.float32)


def pitch_hz(samples: pcm.FloatPcm) -> float:
    periods = pitch_periods(samples, RATE_HZ)
    return RATE_HZ / float(np.median(periods[periods > 0]))


@pytest.mark.parametrize("hertz", [80, 100, 160, 250])
def test_pitch_is_found(hertz: int) -> None:
    """The pitch of a vowel is found within 3 %, without octave errors; silence and noise have none."""
    noise = np.random.default_rng(0).normal(0, 0.05, RATE_HZ).astype(np.float32)

    assert pitch_hz(vowel(hertz)) == pytest.approx(hertz, rel=0.03)
    assert not pitch_periods(np.zeros(RATE_HZ, np.float32), RATE_HZ).any()
    assert (pitch_periods(noise, RATE_HZ) > 0).mean() < 0.05


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.25, 1.9])
def test_pitch_changes_by_its_factor(factor: float) -> None:
    """The pitch is multiplied, the duration stays, the level stays within 1 dB."""
    sound = vowel(125)
    changed = change_pitch_and_duration(sound, RATE_HZ, factor, 1.0)

    assert pitch_hz(changed) == pytest.approx(125 * factor, rel=0.05)
    assert len(changed) == len(sound)
    assert pcm.level_db(changed) == pytest.approx(pcm.level_db(sound), abs=1)


def test_formants_stay() -> None:
    """The strongest part of the spectrum stays near the resonance when the pitch rises by half."""
    changed = change_pitch_and_duration(vowel(125, formants_hz=(600,)), RATE_HZ, 1.5, 1.0)
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(len(changed))))
    strongest_hz = float(spectrum[100:].argmax() + 100) * RATE_HZ / len(changed)

    assert strongest_hz == pytest.approx(600, abs=100)


@pytest.mark.parametrize("stretch", [0.5, 1.5, 1.83])
def test_duration_changes_by_its_factor(stretch: float) -> None:
    """The duration is multiplied, the pitch stays."""
    changed = change_pitch_and_duration(vowel(125), RATE_HZ, 1.0, stretch)

    assert len(changed) == round(RATE_HZ * stretch)
    assert pitch_hz(changed) == pytest.approx(125, rel=0.03)


def test_nothing_to_change_changes_nothing() -> None:
    """Factors of one return the sound itself, and no sound stays no sound."""
    sound = vowel(125)

    assert change_pitch_and_duration(sound, RATE_HZ, 1.0, 1.0) is sound
    assert len(change_pitch_and_duration(np.zeros(0, np.float32), RATE_HZ, 2.0, 1.0)) == 0
