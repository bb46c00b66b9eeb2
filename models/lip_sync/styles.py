"""Speech made whispered, breathless or shouted for evaluation, its times unchanged; made otherwise than for training.

Spectra of 32 ms are parted into envelope (liftered cepstrum) and the rest. Whispers put noise in the voice's place,
weaken the lows and raise the first formant; breathless speech mixes noise into the highs and wavers; shouts raise pitch
by half with a phase vocoder, the first formant and the highs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import istft, resample, stft

SAMPLE_RATE_HZ = 16000
_FRAME, _HOP = 512, 128
# Quefrencies below this are the envelope: half the period of a voice of 200 Hz.
_LIFTER = 40
_FIRST_FORMANT_HZ = 1100.0
_SHOUTED_PITCH = 1.5

Signal = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


def whispered(sound: Signal, random: np.random.Generator) -> Signal:
    """[samples] at 16 kHz without any voice."""
    spectrum = _analyse(sound)
    envelope = _raise_first_formant(_envelope(spectrum), 1.12)
    return _synthesise(envelope * _noise(len(sound), random) * _lows(-10.0)[:, None], len(sound))


def breathless(sound: Signal, random: np.random.Generator) -> Signal:
    """[samples] with breath in the highs and an unsteady level."""
    spectrum = _analyse(sound)
    share = np.clip((_bins_hz() - 400) / 3000, 0.1, 0.8)[:, None]
    breath = _envelope(spectrum) * _noise(len(sound), random)
    mixed = _synthesise(spectrum * np.sqrt(1 - share**2) + breath * share, len(sound))
    slow = gaussian_filter1d(random.standard_normal(len(sound) // _HOP + 2), 8.0)
    gains = np.exp(0.4 * slow / (slow.std() + 1e-9))
    return _scaled(mixed * np.interp(np.arange(len(sound)), np.arange(len(gains)) * _HOP, gains))


def shouted(sound: Signal, random: np.random.Generator) -> Signal:
    """[samples] with a higher pitch, a raised first formant and a bright spectrum; `random` is not used."""
    spectrum = _analyse(sound)
    higher = _analyse(resample(_stretch(sound, _SHOUTED_PITCH), len(sound)))
    tilt_db = 3.0 * np.clip(np.log2(np.maximum(_bins_hz(), 1) / 500), 0, 3)
    wanted = _raise_first_formant(_envelope(spectrum), 1.2) * 10 ** (tilt_db / 20)[:, None]
    return _synthesise(higher / _envelope(higher) * wanted, len(sound))


def _bins_hz() -> Signal:
    return np.linspace(0, SAMPLE_RATE_HZ / 2, _FRAME // 2 + 1)


def _lows(gain_db: float) -> Signal:
    """[bins] gain that ends at about 500 Hz."""
    gains: Signal = 10 ** (gain_db / 20 / (1 + (_bins_hz() / 500) ** 4))
    return gains


def _analyse(sound: Signal) -> Spectrum:
    spectrum: Spectrum = stft(sound, nperseg=_FRAME, noverlap=_FRAME - _HOP)[2]
    return spectrum


def _synthesise(spectrum: Spectrum, length: int) -> Signal:
    """[length] scaled to the full range."""
    sound = istft(spectrum, nperseg=_FRAME, noverlap=_FRAME - _HOP)[1]
    fitted = np.zeros(length)
    fitted[: len(sound)] = sound[:length]
    return _scaled(fitted)


def _scaled(sound: Signal) -> Signal:
    scaled: Signal = sound / (np.abs(sound).max() + 1e-9) * 0.9
    return scaled


def _envelope(spectrum: Spectrum) -> Signal:
    """[bins, frames] magnitudes without the voice's harmonics."""
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-7), axis=0)
    cepstrum[_LIFTER : _FRAME - _LIFTER + 1] = 0
    envelope: Signal = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    return envelope


def _raise_first_formant(envelope: Signal, factor: float) -> Signal:
    """[bins, frames] with what lies below 1.1 kHz moved up."""
    bins_hz = _bins_hz()
    source_hz = bins_hz / (1 + (factor - 1) * np.exp(-((bins_hz / _FIRST_FORMANT_HZ) ** 4)))
    place = source_hz / bins_hz[-1] * (len(bins_hz) - 1)
    below = np.minimum(place.astype(int), len(bins_hz) - 2)
    share = (place - below)[:, None]
    raised: Signal = envelope[below] * (1 - share) + envelope[below + 1] * share
    return raised


def _noise(length: int, random: np.random.Generator) -> Spectrum:
    """Spectra of white noise with a mean power of one, whose envelope counts as flat."""
    spectrum = _analyse(random.standard_normal(length))
    return spectrum / np.sqrt(np.mean(np.abs(spectrum) ** 2))


def _stretch(sound: Signal, factor: float) -> Signal:
    """[samples * factor] at the same pitch: a phase vocoder (Flanagan, Golden 1966)."""
    spectrum = _analyse(sound)
    places = np.arange(0, spectrum.shape[1] - 1, 1 / factor)
    below = places.astype(int)
    share = places - below
    magnitude = np.abs(spectrum[:, below]) * (1 - share) + np.abs(spectrum[:, below + 1]) * share
    advance = 2 * np.pi * _HOP * np.arange(spectrum.shape[0])[:, None] / _FRAME
    turned = np.angle(spectrum[:, below + 1]) - np.angle(spectrum[:, below]) - advance
    steps = advance + turned - 2 * np.pi * np.round(turned / (2 * np.pi))
    phases = np.cumsum(steps, axis=1) - steps + np.angle(spectrum[:, :1])
    return _synthesise(magnitude * np.exp(1j * phases), round(len(sound) * factor))
