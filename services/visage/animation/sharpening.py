"""Lips that meet where the network hears p, b or m, and a mouth that rests where nobody speaks.

The network's curves are careful means; its phone posteriors know better whether the lips close.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.rhythm import QUIET_DB
from visage.animation.springs import Follower
from visage.animation.ticks import TICK_S
from visage.media.arkit import CURVE_INDEX
from visage.media.phones import BILABIALS, LABIODENTALS, PHONE_COUNT, PHONE_INDEX, SILENCE

Array = NDArray[np.float32]

_JAW: Final = CURVE_INDEX["JawOpen"]
_CLOSE: Final = CURVE_INDEX["MouthClose"]
_ROLL_LOWER: Final = CURVE_INDEX["MouthRollLower"]
_LIP_RAISERS: Final = [
    CURVE_INDEX[f"{name}{side}"] for name in ("MouthLowerDown", "MouthUpperUp") for side in ("Left", "Right")
]
_BILABIAL_COLUMNS: Final = sorted(PHONE_INDEX[phone] for phone in BILABIALS)
_LABIODENTAL_COLUMNS: Final = sorted(PHONE_INDEX[phone] for phone in LABIODENTALS)
_SILENCE_COLUMN: Final = PHONE_INDEX[SILENCE]

# Chosen on human speech: more gain closes lips in vowels, less leaves them open in p, b, m.
_CLOSING_GAIN: Final = 1.6
_CLOSING_POWER: Final = 0.8
_BITE_GAIN: Final = 1.4
_BITTEN_LIP: Final = 0.40

_INAUDIBLE_DB: Final = -58.0
_AUDIBLE_DB: Final = -48.0
_OPENING_S: Final = 0.04
_RESTING_S: Final = 0.30
# What has just begun may be the onset of a noise: until it has gone on for a while, the gate falls at once.
_DOUBTFUL_RESTING_S: Final = 0.06
_CONVINCING_S: Final = 0.16
_FORGETTING_S: Final = 1.0
# In speech the network's opinion changes from phone to phone, within 60 ms by 0.6 in the median; on steady noise,
# hum, tones and chords it stays vague, with changes below 0.3 and no phone above 0.2.
_CHANGE_TICKS: Final = 3
_STEADY: Final = 0.28
_CHANGING: Final = 0.45
_NOWHERE: Final = 0.10
_SOMEWHERE: Final = 0.18
_VAGUE: Final = 0.35
_SURE: Final = 0.55


def sharpen(curves: Array, phonemes: Array) -> Array:
    """Returns [ticks, 52] with closures completed as [ticks, 43] posteriors of bilabials and labiodentals demand."""
    sharp = curves.copy()
    bilabial = phonemes[:, _BILABIAL_COLUMNS].sum(axis=1)
    closing = np.clip(_CLOSING_GAIN * np.power(np.maximum(bilabial, 0), _CLOSING_POWER), 0, 1)
    sharp[:, _CLOSE] = np.maximum(sharp[:, _CLOSE], closing * sharp[:, _JAW])
    sharp[:, _LIP_RAISERS] *= (1 - closing)[:, None]
    biting = np.clip(_BITE_GAIN * phonemes[:, _LABIODENTAL_COLUMNS].sum(axis=1), 0, 1)
    sharp[:, _ROLL_LOWER] = np.maximum(sharp[:, _ROLL_LOWER], _BITTEN_LIP * biting)
    return sharp


class SpeechGate:
    """Opens at once when somebody speaks and closes 0.3 s after: silence, noise, hum and chords rest."""

    def __init__(self) -> None:
        """Starts closed, after silence."""
        self._openness = 0.0
        self._trust = Follower(_CONVINCING_S, _FORGETTING_S)
        self._past = np.zeros((2 * _CHANGE_TICKS - 1, PHONE_COUNT), np.float32)
        self._past[:, _SILENCE_COLUMN] = 1

    def advance(self, phonemes: Array, levels_db: Array) -> Array:
        """[ticks] openness 0..1 of the next ticks.

        Args:
            phonemes: [ticks, 43] posteriors.
            levels_db: [ticks + n] levels from the first tick on; a sound soon to come opens the gate as well.
        """
        count = len(phonemes)
        ahead = np.append(levels_db, np.full(2, QUIET_DB, np.float32))
        loudest = np.max([ahead[shift : shift + count] for shift in range(3)], axis=0)
        audible = np.clip((loudest - _INAUDIBLE_DB) / (_AUDIBLE_DB - _INAUDIBLE_DB), 0, 1)
        evidence = (audible * self._articulation(phonemes)).tolist()
        return np.array([self._follow(target) for target in evidence], np.float32)

    def _follow(self, target: float) -> float:
        """Openness one tick later."""
        trust = self._trust.advance(target)
        resting_s = _DOUBTFUL_RESTING_S + (_RESTING_S - _DOUBTFUL_RESTING_S) * trust
        step = target - self._openness
        self._openness += max(-TICK_S / resting_s, min(TICK_S / _OPENING_S, step))
        return self._openness

    def _articulation(self, phonemes: Array) -> Array:
        """[ticks] 0..1: somebody articulates, because phones change or because one is sure."""
        track = np.concatenate([self._past, phonemes])
        self._past = track[len(phonemes) :]
        # [ticks + 2] share of the probability that moved within three ticks, then its mean over three ticks.
        moved = 0.5 * np.abs(track[_CHANGE_TICKS:] - track[:-_CHANGE_TICKS]).sum(axis=1)
        mean = np.convolve(moved, np.full(_CHANGE_TICKS, 1 / _CHANGE_TICKS, np.float32), "valid")
        surest = np.delete(phonemes, _SILENCE_COLUMN, axis=1).max(axis=1)
        heard = (1 - phonemes[:, _SILENCE_COLUMN]) * np.clip((surest - _NOWHERE) / (_SOMEWHERE - _NOWHERE), 0, 1)
        changing = heard * (mean - _STEADY) / (_CHANGING - _STEADY)
        articulation: Array = np.clip(np.maximum(changing, (surest - _VAGUE) / (_SURE - _VAGUE)), 0, 1)
        return articulation
