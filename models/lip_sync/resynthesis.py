"""Takes speech apart with WORLD and speaks it again as somebody else: breathless, whispered, shouted, another throat.

Phone times stay as they are. WORLD: Morise, Yokomori, Ozawa 2016 (PyPI `pyworld`); F0 by DIO with StoneMask.
What the styles change follows what is known of them: whispers have no voice, weak lows and a raised first formant
(Jovičić 1998); shouts a high F0, a flat spectrum and a raised first formant (Liénard, Di Benedetto 1999).
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

SAMPLE_RATE_HZ = 16000
_FRAME_MS = 5.0
_LOWEST_F0_HZ, _HIGHEST_F0_HZ = 60.0, 420.0
_FIRST_FORMANT_HZ = 1100.0

Random = np.random.Generator
Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Style:
    """How speech is spoken again.

    Attributes:
        pitch: Factor of F0.
        range: Factor of F0's deviations in semitones.
        throat: Factor of all resonances; above 1 a shorter vocal tract.
        first_formant: Factor of the resonances below 1.1 kHz, on top of `throat`.
        breath: Least share of noise at 4 kHz and above, 0..1; it falls off towards the lows.
        tilt_db: Per octave above 500 Hz; positive is brighter.
        lows_db: Gain below 500 Hz.
        voiced: Whether the voice sounds at all.
        roughness: Depth of slow random amplitude, 0..1, as of somebody out of breath.
    """

    pitch: float = 1.0
    range: float = 1.0
    throat: float = 1.0
    first_formant: float = 1.0
    breath: float = 0.0
    tilt_db: float = 0.0
    lows_db: float = 0.0
    voiced: bool = True
    roughness: float = 0.0


def random_style(random: Random) -> Style:
    """One of many styles: half of them other throats, the rest whispered, breathless and shouted by degrees."""
    kind, throat = random.random(), float(np.exp(random.uniform(-0.16, 0.16)))
    uniform = random.uniform
    if kind < 0.45:
        return Style(
            uniform(0.75, 1.35), uniform(0.5, 2.0), throat, uniform(0.95, 1.05), uniform(0, 0.5), uniform(-2, 2)
        )
    if kind < 0.60:
        return Style(1.0, 1.0, throat, uniform(1.0, 1.2), 1.0, uniform(-1, 2), uniform(-16, -4), False, uniform(0, 0.5))
    if kind < 0.80:
        breath, roughness = uniform(0.4, 1.0), uniform(0.1, 0.7)
        return Style(
            uniform(0.9, 1.4), uniform(0.5, 1.2), throat, 1.0, breath, uniform(-3, 0.5), uniform(-4, 2), True, roughness
        )
    return Style(
        uniform(1.25, 2.2),
        uniform(0.8, 1.7),
        throat,
        uniform(1.05, 1.3),
        uniform(0, 0.2),
        uniform(1, 4),
        uniform(-6, 0),
    )


@functools.cache
def _world() -> Any:
    """The compiled part of pyworld; its package asks for setuptools only to tell its own version."""
    package = importlib.util.find_spec("pyworld")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("the package pyworld is not installed")
    file = next(Path(package.submodule_search_locations[0]).glob("pyworld*.so"))
    loader = importlib.machinery.ExtensionFileLoader("pyworld", str(file))
    specification = importlib.util.spec_from_loader("pyworld", loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    loader.exec_module(module)
    return module


def speak_again(pcm: Signal, style: Style, random: Random) -> Signal:
    """The same words at the same times, [samples] at 16 kHz in -1..1, in another style."""
    pyworld = _world()
    pcm = np.ascontiguousarray(pcm, np.float64)
    rough, times = pyworld.dio(
        pcm, SAMPLE_RATE_HZ, f0_floor=_LOWEST_F0_HZ, f0_ceil=_HIGHEST_F0_HZ, frame_period=_FRAME_MS
    )
    f0 = pyworld.stonemask(pcm, rough, times, SAMPLE_RATE_HZ)
    envelope = pyworld.cheaptrick(pcm, f0, times, SAMPLE_RATE_HZ)
    noise = pyworld.d4c(pcm, f0, times, SAMPLE_RATE_HZ)
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, envelope.shape[1])
    envelope = _colour(_warp(envelope, bins_hz, style), bins_hz, style)
    if style.voiced:
        f0 = _intone(f0, style, random)
        floor = style.breath * np.clip((bins_hz - 300) / 3700, 0.05, 1.0) if style.breath else np.zeros(len(bins_hz))
        noise = np.maximum(noise, floor)
    else:
        f0, noise = np.zeros_like(f0), np.ones_like(noise)
    spoken = pyworld.synthesize(f0, np.ascontiguousarray(envelope), noise, SAMPLE_RATE_HZ, _FRAME_MS)
    result = np.zeros(len(pcm))
    result[: min(len(pcm), len(spoken))] = spoken[: len(pcm)]
    if style.roughness:
        slow = gaussian_filter1d(random.standard_normal(len(f0)), 12.0)
        gains = np.exp(style.roughness * slow / (slow.std() + 1e-9) * 0.7)
        result *= np.interp(np.arange(len(result)), np.arange(len(gains)) * _FRAME_MS / 1000 * SAMPLE_RATE_HZ, gains)
    return result / (np.abs(result).max() + 1e-9) * 0.9


def _warp(envelope: Signal, bins_hz: Signal, style: Style) -> Signal:
    """[T, bins] with resonances moved; what comes from beyond the top repeats the last bin."""
    low = np.exp(-((bins_hz / _FIRST_FORMANT_HZ) ** 4)) * (style.first_formant - 1) + 1
    source_hz = bins_hz / (style.throat * low)
    place = np.clip(source_hz / bins_hz[-1] * (len(bins_hz) - 1), 0, len(bins_hz) - 1.001)
    below = place.astype(int)
    share = place - below
    logs = np.log(envelope + 1e-12)
    warped: Signal = np.exp(logs[:, below] * (1 - share) + logs[:, below + 1] * share)
    return warped


def _colour(envelope: Signal, bins_hz: Signal, style: Style) -> Signal:
    gains_db = style.tilt_db * np.clip(np.log2(np.maximum(bins_hz, 1) / 500), 0, 3.5)
    gains_db = gains_db + style.lows_db / (1 + (bins_hz / 500) ** 4)
    coloured: Signal = envelope * 10 ** (gains_db / 10)
    return coloured


def _intone(f0: Signal, style: Style, random: Random) -> Signal:
    """F0 with another mean and range, and a slow drift of its own."""
    voiced = f0 > 0
    if not voiced.any():
        return f0
    logs = np.log(f0[voiced])
    drift: Any = gaussian_filter1d(random.standard_normal(len(f0)), 60.0)
    drift = drift / (drift.std() + 1e-9) * 0.06
    changed = f0.copy()
    changed[voiced] = np.exp(logs.mean() + style.range * (logs - logs.mean()) + drift[voiced]) * style.pitch
    return np.where(voiced, np.clip(changed, 50, 600), 0.0)
