"""What lip sync looks like without a trained network: the mouth follows loudness, or loudness and formants.

Both are linear maps fitted to the training corpus, so they get the same targets as the network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.ndimage import gaussian_filter1d

from models.lip_sync.augment import load_voice
from models.lip_sync.windows import HOP

SAMPLE_RATE_HZ = 16000
_ORDER = 14
_FRAME = 480
_FITTING_VOICES = ("espeak", "flite_slt", "flite_rms")
_FITTING_FRAMES = 4000
_SMOOTHING_FRAMES = 1.5
_RIDGE = 1e-3

Array = NDArray[np.float64]


def _formants(frame: Array) -> tuple[float, float]:
    """First two resonances in kHz by linear prediction (autocorrelation method); a neutral tube's if none stand out."""
    correlation = np.correlate(frame, frame, "full")[_FRAME - 1 : _FRAME + _ORDER]
    correlation[0] = correlation[0] * 1.001 + 1e-9
    roots = np.roots([1, *-solve_toeplitz(correlation[:_ORDER], correlation[1:])])
    roots = roots[np.imag(roots) > 0.01]
    hz = np.angle(roots) * SAMPLE_RATE_HZ / (2 * np.pi)
    width_hz = -np.log(np.abs(roots) + 1e-9) * SAMPLE_RATE_HZ / np.pi
    found = np.sort(hz[(width_hz < 500) & (hz > 180) & (hz < 4000)])
    first = found[0] if len(found) else 500.0
    second = found[1] if len(found) > 1 else 1500.0
    return first / 1000, second / 1000


def _sound(pcm: NDArray[np.int16], with_formants: bool) -> tuple[Array, Array]:
    """Level in dB under the recording's loud parts [T], and formants in kHz [T, 2]."""
    signal = pcm.astype(np.float64) / 32768
    count = len(signal) // HOP
    emphasised = np.pad(np.diff(signal, prepend=0.0) + 0.05 * signal, (_FRAME // 2, _FRAME))
    plain = np.pad(signal, (_FRAME // 2, _FRAME))
    window = np.hamming(_FRAME)
    level_db, formants = np.empty(count), np.zeros((count, 2))
    for index in range(count):
        start = index * HOP + HOP // 2
        level_db[index] = 10 * np.log10(np.mean(plain[start : start + _FRAME] ** 2) + 1e-8)
        if with_formants:
            formants[index] = _formants(emphasised[start : start + _FRAME] * window)
    return np.maximum(level_db - np.percentile(level_db, 95), -50), formants


def energy_features(pcm: NDArray[np.int16]) -> Array:
    """[T, 3] level, amplitude and a constant."""
    level_db, _ = _sound(pcm, with_formants=False)
    smooth = gaussian_filter1d(np.stack([level_db, np.exp(level_db / 8.7)]), _SMOOTHING_FRAMES, axis=1)
    return np.concatenate([smooth, np.ones((1, len(level_db)))]).T


def formant_features(pcm: NDArray[np.int16]) -> Array:
    """[T, 7] loudness, its square, and formants with their squares weighted by loudness."""
    level_db, formants = _sound(pcm, with_formants=True)
    loud = np.clip((gaussian_filter1d(level_db, _SMOOTHING_FRAMES) + 45) / 45, 0, 1)[:, None]
    smooth = gaussian_filter1d(formants, _SMOOTHING_FRAMES, axis=0)
    return np.concatenate([loud, loud**2, smooth * loud, smooth**2 * loud, np.ones_like(loud)], axis=1)


FEATURES = {"energy": energy_features, "formants": formant_features}


def fit(folder: Path) -> dict[str, Array]:
    """Name of the rule → [features, 17] coefficients, by ridge regression on some of the corpus."""
    maps = {}
    voices = [load_voice(folder / f"{name}.npz") for name in _FITTING_VOICES]
    targets = np.concatenate([voice.curves[:_FITTING_FRAMES].astype(np.float64) for voice in voices])
    for name, features_of in FEATURES.items():
        rows = np.concatenate([features_of(voice.pcm[: _FITTING_FRAMES * HOP]) for voice in voices])
        normal = rows.T @ rows + _RIDGE * np.eye(rows.shape[1])
        maps[name] = np.linalg.solve(normal, rows.T @ targets)
    return maps


def predict(name: str, maps: dict[str, Array], pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """[T, 17] curves of one rule."""
    return np.clip(FEATURES[name](pcm) @ maps[name], 0, 1).astype(np.float32)
