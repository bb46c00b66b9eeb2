"""Spectra of speech, frame by frame, and filters that change with time.

A filter is applied to the wave itself, with the phases left as they are: nothing is resynthesised, so consonants, pitch
and timing stay those of the voice that spoke.

Source of the idea: K. Kobayashi, T. Toda, S. Nakamura, "Intra-gender statistical singing voice conversion with direct
waveform modification using log-spectral differential", Speech Communication 99 (2018).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.pcm import FloatPcm

Array = NDArray[np.float64]

ANALYSIS_RATE_HZ: Final = 16_000
HOP_S: Final = 0.005
_WINDOW_S: Final = 0.025
_FFT: Final = 512
BINS: Final = _FFT // 2 + 1
"""Bins of a spectrum, evenly spaced from 0 to 8 kHz."""
HIGHEST_HZ: Final = ANALYSIS_RATE_HZ / 2
_LEAST_POWER: Final = 1e-9


def log_power(samples: FloatPcm) -> Array:
    """Returns [frames, 257] natural logarithms of the power of [samples] at 16 kHz; frame i is centred at i * 5 ms."""
    window, hop = round(_WINDOW_S * ANALYSIS_RATE_HZ), round(HOP_S * ANALYSIS_RATE_HZ)
    padded = np.pad(samples.astype(np.float64), (window // 2, window // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][: frame_count(len(samples), hop)]
    spectrum = np.fft.rfft(frames * _hann(window), _FFT, axis=1)
    return np.asarray(np.log(np.abs(spectrum) ** 2 + _LEAST_POWER))


def frame_count(sample_count: int, hop: int) -> int:
    """Frames whose centres cover so many samples."""
    return sample_count // hop + 1


def smooth(log_spectra: Array, coefficients: int) -> Array:
    """Returns log spectra [..., 257] with only the first cepstral coefficients: the envelope without harmonics."""
    basis = _cosines()[:coefficients]
    return np.asarray(log_spectra @ basis.T @ basis)


def filter_by_class(samples: FloatPcm, sample_rate_hz: int, shares: Array, gains: Array) -> FloatPcm:
    """Returns `samples` filtered, equally long and with every sound where it was.

    Args:
        samples: [samples] at any rate.
        sample_rate_hz: Of the samples.
        shares: [frames, classes] how much each class counts every 5 ms; rows sum to 1.
        gains: [classes, 257] natural logarithm of each class's power gain from 0 to 8 kHz; constant above.
    """
    window, hop = round(_WINDOW_S * sample_rate_hz), round(HOP_S * sample_rate_hz)
    fft = 1 << (2 * window).bit_length()
    hertz = np.linspace(0, sample_rate_hz / 2, fft // 2 + 1)
    places = np.linspace(0, HIGHEST_HZ, BINS)
    amplitudes = np.stack([np.interp(hertz, places, gain / 2) for gain in gains])
    count = frame_count(len(samples), hop)
    known = shares[np.minimum(np.arange(count), len(shares) - 1)]
    padded = np.pad(samples.astype(np.float64), (window // 2, window // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    # A filter without delay rings to both sides: room is left before and behind.
    before = (fft - window) // 2
    spectra = np.fft.rfft(frames * _hann(window), fft, axis=1) * np.exp(known @ amplitudes)
    pieces = np.roll(np.fft.irfft(spectra, fft, axis=1), before, axis=1)
    sound = np.zeros(before + len(padded) + fft)
    for index, piece in enumerate(pieces):
        sound[index * hop : index * hop + fft] += piece
    start = before + window // 2
    scale = hop / _hann(window).sum()
    return np.asarray(sound[start : start + len(samples)] * scale, np.float32)


def _hann(length: int) -> Array:
    return np.asarray(np.hanning(length + 1)[:length])


@cache
def _cosines() -> Array:
    """[257, 257] orthonormal cosine transform (DCT-II)."""
    places = (np.arange(BINS) + 0.5) / BINS
    basis = np.cos(np.pi * np.arange(BINS)[:, None] * places) * np.sqrt(2 / BINS)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float64)
