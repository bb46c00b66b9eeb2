"""Whether music plays: tones that stay, which speech does not have.

Source: K. Seyerlehner, T. Pohle, M. Schedl, G. Widmer, "Automatic music detection in television productions", Proc.
DAFx (2007): continuous frequency activation.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.pcm import FloatPcm

_FFT: Final = 1024
_HOP: Final = 256
_BLOCK_FRAMES: Final = 60
_LOWEST_BIN, _HIGHEST_BIN = 10, 256
_NEIGHBOURS: Final = 21
_PEAK_DB: Final = 3.0
_PEAKS: Final = 5


def steadiness(samples: FloatPcm) -> NDArray[np.float64]:
    """Returns [blocks] how steady the tones of each second are: about 1 for speech, above 1.5 with music.

    Args:
        samples: [samples] at 16 kHz.
    """
    if len(samples) < _FFT:
        return np.zeros(1)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[::_HOP] * np.hanning(_FFT)
    power_db = 10 * np.log10(np.abs(np.fft.rfft(frames, axis=1)[:, _LOWEST_BIN:_HIGHEST_BIN]) ** 2 + 1e-9)
    half = _NEIGHBOURS // 2
    padded = np.pad(power_db, ((0, 0), (half, half)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS, axis=1).mean(axis=2)
    active = power_db > around + _PEAK_DB
    starts = range(0, max(1, len(active) - _BLOCK_FRAMES // 2), _BLOCK_FRAMES // 2)
    return np.array([_peakiness(active[start : start + _BLOCK_FRAMES].mean(axis=0)) for start in starts])


def _peakiness(activation: NDArray[np.float64]) -> float:
    """Sum of the five strongest peaks of [bins] activation, each measured from the deeper valley beside it."""
    rises = np.diff(activation)
    tops = np.flatnonzero((np.append(0, rises) > 0) & (np.append(rises, -1) <= 0))
    heights = []
    for top in tops:
        around = activation[max(0, top - 3) : top + 4]
        heights.append(activation[top] - around.min())
    return float(sum(sorted(heights)[-_PEAKS:]))
