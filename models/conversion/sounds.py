"""Sounds for the parity gate: buzzes through moving resonances, which models take for voices, noise and silence."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE_HZ = 16_000
_SEED = 20250131
# Pitch in Hz, and how far the resonances of an average man lie up.
_VOICES = ((95.0, 1.0), (120.0, 1.05), (150.0, 0.95), (190.0, 1.15), (215.0, 1.2), (250.0, 1.25))
_RESONANCES_HZ = np.array([[700, 1200, 2600], [300, 2200, 2900], [350, 800, 2400], [550, 1750, 2500]], np.float64)


def sounds(sample_count: int) -> np.ndarray:
    """Eight int16 recordings (8, sample_count) at 16 kHz: six buzzing voices with pauses, noise, silence."""
    random = np.random.default_rng(_SEED)
    voices = [_voice(pitch_hz, scale, sample_count, random) for pitch_hz, scale in _VOICES]
    noise = random.normal(0, 0.05, sample_count)
    recordings = np.stack([*voices, noise, np.zeros(sample_count)])
    return np.rint(recordings * 32767).clip(-32768, 32767).astype(np.int16)


def _voice(pitch_hz: float, scale: float, sample_count: int, random: np.random.Generator) -> np.ndarray:
    """Harmonics of a wavering pitch, each as loud as the resonances of the moment let it be."""
    time_s = np.arange(sample_count) / SAMPLE_RATE_HZ
    pitch = pitch_hz * (1 + 0.12 * np.sin(2 * np.pi * 0.7 * time_s + random.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    places = np.linspace(0, sample_count / SAMPLE_RATE_HZ * 5, sample_count)
    order = random.integers(0, len(_RESONANCES_HZ), int(places[-1]) + 2)
    share = places - np.floor(places)
    first, second = (_RESONANCES_HZ[order[np.floor(places).astype(int) + step]] for step in (0, 1))
    resonances = scale * (first + (second - first) * share[:, None])
    sound = np.zeros(sample_count)
    for number in range(1, int(5000 / pitch_hz)):
        distance = (number * pitch[:, None] - resonances) / 90
        sound += np.sin(number * phase) * (1 / (1 + distance**2)).sum(axis=1) / number**0.5
    syllables = np.clip(np.sin(2 * np.pi * 3.5 * time_s) + 0.6, 0, 1)
    pause = (np.sin(2 * np.pi * 0.4 * time_s) > -0.8).astype(float)
    return 0.25 * sound / np.abs(sound).max() * syllables * pause + random.normal(0, 5e-4, sample_count)
