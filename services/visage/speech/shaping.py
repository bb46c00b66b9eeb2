"""Prosody that changes within a clause, and what engines cannot do themselves: on the finished sound, word by word.

An engine speaks a clause in one go, so that its melody stays whole; each word then gets its own pace, pitch, range and
loudness by overlap-add (see `psola`), and the whole its brightness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.speech.prosody import Prosody, semitones_to_factor
from visage.speech.psola import find_pitch_marks, lay_pieces
from visage.speech.utterance import Utterance

_RAMP_S: Final = 0.02
_LARGEST_DEVIATION: Final = 1.6
_SMOOTHED_PERIODS: Final = 9
_LEAST_FACTOR, _LARGEST_FACTOR = 0.4, 2.5
_DARK_HZ, _BRIGHT_HZ = 500.0, 2000.0


def shape(utterance: Utterance, spoken: Prosody, wanted: Sequence[Prosody]) -> Utterance:
    """Returns the utterance with each word's own prosody.

    Args:
        utterance: As the engine spoke it.
        spoken: What the engine has done already: its rate and pitch. Range, gain and brightness are left to this.
        wanted: [words] of the utterance; without words the whole stays `spoken`.
    """
    words = utterance.timing.words
    prosodies = list(wanted) if words else [spoken]
    if not len(utterance.samples):
        return utterance
    starts_s = [0.0, *(word.start_s for word in words[1:])]
    ends_s = np.minimum(np.maximum.accumulate([*starts_s, utterance.duration_s]), utterance.duration_s)
    bounds = ends_s * utterance.sample_rate_hz
    changed = _paced_and_pitched(utterance, spoken, prosodies, bounds)
    factors = np.array([spoken.rate / prosody.rate for prosody in prosodies])
    new_bounds = np.concatenate([[0.0], np.cumsum(np.diff(bounds) * factors)])
    samples = changed.samples * _gains(prosodies, new_bounds, len(changed.samples), utterance.sample_rate_hz)
    brightness_db = float(np.average([p.brightness_db for p in prosodies], weights=np.maximum(np.diff(bounds), 1e-9)))
    return replace(changed, samples=brighten(samples, utterance.sample_rate_hz, brightness_db))


def is_light(spoken: Prosody, wanted: Sequence[Prosody]) -> bool:
    """Returns whether `shape` has at most loudness to change: too little work for a thread of its own."""
    return all(
        (prosody.rate, prosody.pitch_semitones, prosody.pitch_range, prosody.brightness_db)
        == (spoken.rate, spoken.pitch_semitones, 1.0, 0.0)
        for prosody in (wanted or [spoken])
    )


def brighten(samples: FloatPcm, sample_rate_hz: int, gain_db: float) -> FloatPcm:
    """Returns speech with its spectrum above 2 kHz `gain_db` louder against that below 500 Hz, equally loud."""
    if gain_db == 0.0 or len(samples) == 0:
        return samples
    # Room behind the sound, so that the filter's ends do not wrap around.
    length = 1 << (len(samples) + sample_rate_hz // 20).bit_length()
    hertz = np.fft.rfftfreq(length, 1 / sample_rate_hz)
    tilt_db = gain_db * np.interp(np.log(np.maximum(hertz, 1.0)), np.log([_DARK_HZ, _BRIGHT_HZ]), [-0.5, 0.5])
    spectrum = np.fft.rfft(samples, length) * 10 ** (tilt_db / 20)
    tilted = np.fft.irfft(spectrum, length)[: len(samples)].astype(np.float32)
    loudness_db = pcm.level_db(samples) - pcm.level_db(tilted)
    return tilted * np.float32(pcm.decibels_to_gain(loudness_db))


def _paced_and_pitched(
    utterance: Utterance, spoken: Prosody, prosodies: Sequence[Prosody], bounds: NDArray[np.float64]
) -> Utterance:
    stretches = [spoken.rate / prosody.rate for prosody in prosodies]
    semitones = [prosody.pitch_semitones - spoken.pitch_semitones for prosody in prosodies]
    ranges = [prosody.pitch_range for prosody in prosodies]
    if all(s == 1.0 for s in stretches) and not any(semitones) and all(r == 1.0 for r in ranges):
        return utterance
    marks = find_pitch_marks(utterance.samples, utterance.sample_rate_hz)
    region = np.clip(np.searchsorted(bounds, marks.positions, side="right") - 1, 0, len(prosodies) - 1)
    deviations = _deviations(marks.reaches, marks.voiced)
    shifts = np.array([semitones_to_factor(step) for step in semitones])[region]
    factors = np.clip(shifts * deviations ** (np.array(ranges)[region] - 1.0), _LEAST_FACTOR, _LARGEST_FACTOR)
    new_bounds = np.concatenate([[0.0], np.cumsum(np.diff(bounds) * np.array(stretches))])
    samples = lay_pieces(utterance.samples, marks, factors, bounds.tolist(), new_bounds.tolist())
    rate_hz = utterance.sample_rate_hz
    timing = utterance.timing.warped(lambda time_s: float(np.interp(time_s * rate_hz, bounds, new_bounds)) / rate_hz)
    return Utterance(samples, rate_hz, timing)


def _deviations(reaches: NDArray[np.int64], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far the pitch of each piece lies from the mean, as a factor; 1 where there is none."""
    deviations = np.ones(len(reaches))
    if voiced.any():
        # A running median: what jitters from period to period, or jumps by an octave, is not to be made wider.
        reach = _SMOOTHED_PERIODS // 2
        padded = np.pad(np.log(reaches[voiced]), reach, mode="edge")
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED_PERIODS), axis=1)
        deviations[voiced] = np.clip(np.exp(smooth.mean() - smooth), 1 / _LARGEST_DEVIATION, _LARGEST_DEVIATION)
    return deviations


def _gains(
    prosodies: Sequence[Prosody], bounds: NDArray[np.float64], sample_count: int, sample_rate_hz: int
) -> FloatPcm | np.float32:
    """[samples] gain of each sample, with ramps between words of different loudness; one number if all are alike."""
    levels_db = [prosody.volume_gain_db for prosody in prosodies]
    if len(set(levels_db)) == 1:
        return np.float32(pcm.decibels_to_gain(levels_db[0]))
    half = _RAMP_S * sample_rate_hz / 2
    positions: list[float] = []
    values_db: list[float] = []
    for start, end, level_db in zip(bounds[:-1], bounds[1:], levels_db, strict=True):
        inset = min(half, (end - start) / 2)
        positions += [float(start + inset), float(end - inset)]
        values_db += [level_db, level_db]
    curve_db = np.interp(np.arange(sample_count), positions, values_db)
    return (10.0 ** (curve_db / 20.0)).astype(np.float32)
