"""What a voice sounds like on average: the spectrum of each phone, and the pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.pcm import FloatPcm
from visage.media.phones import PHONE_COUNT, PHONE_INDEX, VOWELS
from visage.speech.analysis_ports import FloatArray
from visage.speech.phone_posteriors import STEP_S, levelled
from visage.speech.psola import pitch_periods
from visage.speech.spectral_shape import ANALYSIS_RATE_HZ, HOP_S, Array, log_power
from visage.speech.utterance import Timing

_VOICED_CONSONANTS: Final = "b d dh g jh l m n ng r v w y z zh"
_VOICED: Final = [PHONE_INDEX[phone] for phone in (*sorted(VOWELS), *_VOICED_CONSONANTS.split())]
_SPEECH_RANGE_DB: Final = 35.0
_LEAST_VOICED_FRAMES: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class VoiceStatistics:
    """Averages over speech of one voice; spectra are log power [257] less their own mean, so that level is no matter.

    Attributes:
        weights: [43] frames of 5 ms heard of each phone class.
        spectra: [43, 257] mean spectrum of each class, of no meaning where nothing was heard.
        voiced_spectrum: [257] mean spectrum of voiced speech.
        pitch_hz: Median.
    """

    weights: Array
    spectra: Array
    voiced_spectrum: Array
    pitch_hz: float


def measure_voice(samples: FloatPcm, shares: Array) -> VoiceStatistics:
    """Returns the averages of [samples] at 16 kHz with [frames, 43] shares of the phones every 5 ms.

    Raises:
        ValueError: Hardly anything voiced is in it.
    """
    sound = levelled(samples)
    spectra = log_power(sound)
    level_db = 10 * np.log10(np.exp(spectra).mean(axis=1))
    spectra = spectra - spectra.mean(axis=1, keepdims=True)
    heard = level_db > np.percentile(level_db, 95) - _SPEECH_RANGE_DB
    # The last frame may lie half beyond what the shares cover.
    shares = shares[np.minimum(np.arange(len(spectra)), len(shares) - 1)]
    shares, spectra = shares[heard], spectra[heard]
    weights = shares.sum(axis=0)
    voiced = shares[:, _VOICED].sum(axis=1)
    return VoiceStatistics(
        weights,
        shares.T @ spectra / np.maximum(weights, 1e-6)[:, None],
        voiced @ spectra / max(float(voiced.sum()), 1e-6),
        _pitch_hz(sound),
    )


def shares_of_posteriors(posteriors: FloatArray, sample_count: int) -> Array:
    """[frames, 43] every 5 ms from [steps, 43] every 10 ms, of that many samples at 16 kHz."""
    frames = sample_count // round(HOP_S * ANALYSIS_RATE_HZ) + 1
    steps = np.rint(np.arange(frames) * HOP_S / STEP_S - 1).astype(np.intp)
    return np.asarray(posteriors[np.clip(steps, 0, len(posteriors) - 1)], np.float64)


def shares_of_timing(timing: Timing, duration_s: float) -> Array:
    """[frames, 43] every 5 ms: 1 for the phone that sounds there."""
    frames = int(duration_s / HOP_S) + 1
    shares = np.zeros((frames, PHONE_COUNT))
    shares[:, 0] = 1
    for phoneme in timing.phonemes:
        first, last = (int(np.ceil(time_s / HOP_S)) for time_s in (phoneme.start_s, phoneme.end_s))
        shares[first:last] = 0
        shares[first:last, PHONE_INDEX[phoneme.phone]] = 1
    return shares


def _pitch_hz(samples: FloatPcm) -> float:
    """Median over what is voiced."""
    periods: NDArray[np.int64] = pitch_periods(samples, ANALYSIS_RATE_HZ)
    voiced = periods[periods > 0]
    if len(voiced) < _LEAST_VOICED_FRAMES:
        raise ValueError("hardly anything voiced")
    return float(ANALYSIS_RATE_HZ / np.median(voiced))
