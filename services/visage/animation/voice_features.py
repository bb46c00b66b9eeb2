"""How a voice sounds, tick by tick: pitch, whether it is voiced, level and brightness, from 40 ms around each tick.

Pitch is the highest peak of the autocorrelation, corrected for the window (Boersma, "Accurate short-term analysis of
the fundamental frequency", 1993), computed for a hop at a time by FFT.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.ticks import SAMPLE_RATE_HZ, TICK_SAMPLES
from visage.media.pcm import IntPcm, to_float32

Array = NDArray[np.float32]

WINDOW_SAMPLES: Final = 640
"""Samples looked at around the middle of a tick: three periods of the lowest pitch."""
MARGIN_SAMPLES: Final = (WINDOW_SAMPLES - TICK_SAMPLES) // 2
"""Samples needed before the first and after the last tick."""
FEATURES: Final = ("semitones", "voicing", "level_db", "tilt_db")
"""Columns of the result; semitones above 55 Hz, 0 where nothing is voiced."""

_FFT: Final = 1024
_LOWEST_HZ, _HIGHEST_HZ = 65.0, 480.0
_REFERENCE_HZ: Final = 55.0
_SHORTEST_LAG, _LONGEST_LAG = int(SAMPLE_RATE_HZ / _HIGHEST_HZ), int(SAMPLE_RATE_HZ / _LOWEST_HZ)
# Of two peaks that are nearly as high the shorter lag is the period.
_OCTAVE_COST: Final = 0.02
_VOICED: Final = 0.5
_QUIETEST: Final = 1e-9
_BRIGHT_HZ: Final = 1000.0
_BRIGHTEST_HZ: Final = 5000.0
_DULLEST_HZ: Final = 80.0

_WINDOW: Final[Array] = np.hanning(WINDOW_SAMPLES).astype(np.float32)
_LAGS: Final = np.arange(_SHORTEST_LAG, _LONGEST_LAG + 1)
_HZ: Final = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ)
_DULL, _BRIGHT = (
    slice(*np.searchsorted(_HZ, edges)) for edges in ((_DULLEST_HZ, _BRIGHT_HZ), (_BRIGHT_HZ, _BRIGHTEST_HZ))
)


def _own_correlation() -> Array:
    """[lags] autocorrelation of the window, 1 at lag 0."""
    correlation = np.fft.irfft(np.abs(np.fft.rfft(_WINDOW, _FFT)) ** 2)[: _LONGEST_LAG + 1]
    return np.asarray(correlation / correlation[0], np.float32)[_LAGS]


_OWN: Final[Array] = _own_correlation()
_PREFERENCE: Final[Array] = (_OCTAVE_COST * np.log2(_LAGS / _SHORTEST_LAG)).astype(np.float32)


def voice_features(samples: IntPcm) -> Array:
    """[ticks, 4] `FEATURES` of consecutive ticks.

    Args:
        samples: [ticks * 320 + 2 * MARGIN_SAMPLES] at 16 kHz, from MARGIN_SAMPLES before the first tick on.
    """
    count = (len(samples) - 2 * MARGIN_SAMPLES) // TICK_SAMPLES
    sound = to_float32(samples)
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_SAMPLES)[::TICK_SAMPLES][:count]
    centred = (frames - frames.mean(axis=1, keepdims=True)) * _WINDOW
    power = np.square(np.abs(np.fft.rfft(centred, _FFT, axis=1))).astype(np.float32)
    correlation = np.fft.irfft(power, axis=1)
    energy = correlation[:, :1]
    shape = (correlation[:, _LAGS] / np.maximum(energy, _QUIETEST) / _OWN).astype(np.float32)
    best = (shape - _PREFERENCE).argmax(axis=1)
    rows = np.arange(count)
    voicing = np.where(energy[:, 0] > _QUIETEST, np.clip(shape[rows, best], 0, 1), 0)
    lag = _LAGS[best] + _peak_offset(shape, best)
    semitones = np.where(voicing > _VOICED, 12 * np.log2(SAMPLE_RATE_HZ / lag / _REFERENCE_HZ), 0)
    level_db = 10 * np.log10(energy[:, 0] / float(np.square(_WINDOW).sum()) + 1e-12)
    bright, dull = (power[:, band].sum(axis=1) for band in (_BRIGHT, _DULL))
    tilt_db = 10 * np.log10((bright + _QUIETEST) / (dull + _QUIETEST))
    return np.stack([semitones, voicing, level_db, tilt_db], axis=1).astype(np.float32)


def _peak_offset(shape: Array, best: NDArray[np.intp]) -> NDArray[np.float64]:
    """[ticks] fraction of a lag between the sample and the top of the parabola through its neighbours."""
    rows = np.arange(len(best))
    inner = np.clip(best, 1, len(_LAGS) - 2)
    before, at, after = (shape[rows, inner + step].astype(np.float64) for step in (-1, 0, 1))
    bend = before - 2 * at + after
    offset = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(np.abs(bend) > 1e-9, bend, 1), 0)
    return np.where(inner == best, np.clip(offset, -0.5, 0.5), 0)
