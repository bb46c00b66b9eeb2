"""How far the times of phonemes lie from what is heard: where plosives silence the sound and where vowels set in."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.media.phones import VOWELS
from visage.speech.utterance import Utterance

PLOSIVES: Final = (
    "A paper cup, a pepper pot, a taper, a topper, a cocoa pocket, a pattern, a potato, a poppy, a carpet, a ticket."
)
FRICATIVES: Final = (
    "See a safe sofa. A fossil, a ship, a shop, some soup, a fake phone, a fee, she said so, a sock, a shoe, a fish."
)
_STEP_S: Final = 0.005
_REACH_STEPS: Final = 8
_VOICE_HZ: Final = (60, 1000)


def plosive_errors_s(spoken: Utterance) -> NDArray[np.float64]:
    """[plosives] seconds between the start of each p, t, k between vowels and the steepest fall of the level around."""
    levels = pcm.frame_levels_db(spoken.samples, spoken.sample_rate_hz, _STEP_S)
    phonemes = spoken.timing.phonemes
    return np.array(
        [
            _steepest_s(-levels, plosive.start_s) - plosive.start_s
            for before, plosive, after in zip(phonemes, phonemes[1:], phonemes[2:], strict=False)
            if plosive.phone in "ptk" and before.phone in VOWELS and after.phone in VOWELS
        ]
    )


def vowel_errors_s(spoken: Utterance) -> NDArray[np.float64]:
    """[vowels] seconds between the start of vowels behind s, sh, f and the steepest rise of the level below 1 kHz."""
    levels = pcm.frame_levels_db(_voice_of(spoken), spoken.sample_rate_hz, _STEP_S)
    phonemes = spoken.timing.phonemes
    return np.array(
        [
            _steepest_s(levels, vowel.start_s) - vowel.start_s
            for before, vowel in itertools.pairwise(phonemes)
            if before.phone in ("s", "sh", "f") and vowel.phone in VOWELS
        ]
    )


def _voice_of(spoken: Utterance) -> FloatPcm:
    spectrum = np.fft.rfft(spoken.samples)
    hertz = np.fft.rfftfreq(len(spoken.samples), 1 / spoken.sample_rate_hz)
    inside = (hertz > _VOICE_HZ[0]) & (hertz < _VOICE_HZ[1])
    return np.fft.irfft(np.where(inside, spectrum, 0), len(spoken.samples)).astype(np.float32)


def _steepest_s(levels: FloatPcm, around_s: float) -> float:
    """Time of the steepest rise within 40 ms."""
    start = max(round(around_s / _STEP_S) - _REACH_STEPS, 0)
    window = levels[start : start + 2 * _REACH_STEPS + 1]
    return (start + int((window[2:] - window[:-2]).argmax()) + 1.5) * _STEP_S
