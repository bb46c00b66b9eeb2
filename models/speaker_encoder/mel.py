"""The mel spectrum that the speaker encoder was trained on."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE_HZ = 16_000
WINDOW = 400
HOP = 160
BANDS = 40
FRAMES = 160
WINDOW_SAMPLES = (FRAMES - 1) * HOP + WINDOW

_LINEAR_STEP_HZ = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def mel_filters() -> np.ndarray:
    """float64 [40, 201] triangles of equal area over 0 to 8000 Hz.

    Source: M. Slaney, "Auditory Toolbox", 1998: linear below 1 kHz, 27 steps to a factor of 6.4 above.
    """
    start = _LOG_START_HZ / _LINEAR_STEP_HZ
    top = start + np.log(SAMPLE_RATE_HZ / 2 / _LOG_START_HZ) / _LOG_STEP
    mels = np.linspace(0, top, BANDS + 2)
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mels - start))
    corners_hz = np.where(mels < start, mels * _LINEAR_STEP_HZ, logarithmic)
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, WINDOW // 2 + 1)
    low, centre, high = (corners_hz[index : index + BANDS, None] for index in range(3))
    triangles = np.clip(np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)), 0, None)
    return triangles * 2 / (high - low)


def fourier_kernels() -> np.ndarray:
    """float64 [402, 1, 400]: real, then imaginary part of 201 bins under a periodic Hann window."""
    sample = np.arange(WINDOW)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * sample / WINDOW)
    angle = 2 * np.pi * np.arange(WINDOW // 2 + 1)[:, None] * sample / WINDOW
    return np.concatenate([np.cos(angle) * window, -np.sin(angle) * window])[:, None]
