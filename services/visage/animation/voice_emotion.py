"""Emotions heard in a voice: careful guesses at joy, anger and sadness, tick by tick.

Two kinds of evidence. A voice that changes against its own past is judged by a small logistic model over eight rises,
fitted to synthesised voices with known styles and to a person's ordinary ups and downs as noise; it counts once the
voice has been heard for a while. A melody that is much livelier or flatter than anybody's ordinary one (Scherer, "Vocal
communication of emotion", 2003, table 2) counts from the start, for less. What is not plain stays neutral.

docs/experiments.md tells what the model is worth; `python -m benchmarks.animation.fit_voice_emotion` fits it again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.ticks import TICK_S
from visage.animation.voice_statistics import STATISTICS, UPDATE_TICKS, VoiceStatistics
from visage.media.emotions import EMOTION_COUNT, EMOTION_INDEX

Array = NDArray[np.float32]

CLASSES: Final = ("neutral", "joy", "anger", "sadness")
"""What the model tells apart."""
ORDINARY: Final[Array] = np.array([1.2, 1.2, 0.5, 1.5, 0.5, 0.7, 1.5, 0.06], np.float32)
"""[8] a person's ups and downs from one window to another, in the units of `STATISTICS`; rises are counted in these."""
WEIGHTS: Final[Array] = np.array(
    [
        (-0.289, 1.196, 0.143, -1.050),
        (-0.051, 0.274, 0.212, -0.435),
        (-0.238, 0.334, 0.324, -0.421),
        (-0.237, 0.709, 1.369, -1.841),
        (0.018, 0.069, -0.024, -0.062),
        (-0.056, 0.265, 0.315, -0.525),
        (-0.119, 0.052, 0.679, -0.612),
        (0.145, -0.056, -0.336, 0.246),
        (1.906, -0.176, -0.853, -0.877),
    ],
    np.float32,
)
"""[9, 4] logistic weights of the eight rises and of the constant."""

_PLACES: Final = [EMOTION_INDEX[name] for name in CLASSES[1:]]
_JOY, _SADNESS = EMOTION_INDEX["joy"], EMOTION_INDEX["sadness"]
_RANGE: Final = STATISTICS.index("pitch_range")
# Probability at which an emotion starts to count, and at which it counts fully.
_DOUBTFUL, _SURE = 0.5, 0.95
# Seconds of speech until changes against the voice's past start to count, and count fully.
_HEARD_S: Final = (4.0, 12.0)
# Semitones of pitch range, weight: where melody alone starts to tell, and where it tells as much as it may.
_LIVELY: Final = (6.5, 10.5)
_FLAT: Final = (2.2, 1.2)
_MELODY: Final = 0.6
_FOLLOWING_S: Final = 0.45
# Of what was heard, after each step without speech in the window.
_REMEMBERED: Final = 0.9


class VoiceEmotion:
    """Follows one voice; needs no sound ahead of the ticks."""

    def __init__(self) -> None:
        """Starts neutral, without having heard anything."""
        self._statistics = VoiceStatistics()
        self._features = np.zeros((0, 4), np.float32)
        self._speech = np.zeros(0, np.float32)
        self._target = np.zeros(EMOTION_COUNT, np.float32)
        # Two stages, so that weights start and end softly.
        self._first = np.zeros(EMOTION_COUNT, np.float32)
        self._second = np.zeros(EMOTION_COUNT, np.float32)

    def advance(self, features: Array, speech: Array) -> Array:
        """[ticks, 10] weights of the next ticks.

        Args:
            features: [ticks, 4] of `visage.animation.voice_features`.
            speech: [ticks] share of speech.
        """
        heard = np.empty((len(speech), EMOTION_COUNT), np.float32)
        share = np.float32(TICK_S / _FOLLOWING_S)
        start = 0
        while start < len(speech):
            # Looks at the window lie on a grid of ticks, however these come.
            stop = min(len(speech), start + UPDATE_TICKS - len(self._speech))
            for tick in range(start, stop):
                self._first = self._first + (self._target - self._first) * share
                self._second = self._second + (self._first - self._second) * share
                heard[tick] = self._second
            self._features = np.concatenate([self._features, features[start:stop]])
            self._speech = np.concatenate([self._speech, speech[start:stop]])
            start = stop
            if len(self._speech) == UPDATE_TICKS:
                self._listen()
        return heard

    def _listen(self) -> None:
        """Judges the window after the next step."""
        found = self._statistics.update(self._features, self._speech)
        self._features, self._speech = self._features[:0], self._speech[:0]
        if found is None:
            self._target = self._target * np.float32(_REMEMBERED)
        else:
            self._target = judge(found, self._statistics.heard_s)


def judge(statistics: Array, heard_s: float) -> Array:
    """[10] weights for [2, 8] statistics and rises of a voice that has been heard for `heard_s` seconds of speech."""
    weights = np.zeros(EMOTION_COUNT, np.float32)
    probabilities = probabilities_of(statistics[1])[1:]
    confidence = _ramp(heard_s, *_HEARD_S)
    weights[_PLACES] = confidence * np.clip((probabilities - _DOUBTFUL) / (_SURE - _DOUBTFUL), 0, 1)
    melody = float(statistics[0, _RANGE])
    for place, (start, end) in ((_JOY, _LIVELY), (_SADNESS, _FLAT)):
        weights[place] = max(float(weights[place]), _MELODY * _ramp(melody, start, end))
    return weights / np.float32(max(1.0, float(weights.sum())))


def probabilities_of(rises: Array) -> Array:
    """[..., 4] probabilities of `CLASSES` for [..., 8] rises."""
    logits = (rises / ORDINARY) @ WEIGHTS[:-1] + WEIGHTS[-1]
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Array = odds / odds.sum(axis=-1, keepdims=True)
    return probabilities


def _ramp(value: float, start: float, end: float) -> float:
    return max(0.0, min(1.0, (value - start) / (end - start)))
