"""Figures on emotional performances: are emotions told apart, and do lips that must meet still meet?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.animation.babble import FRAME_RATE, Performed, perform
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.emotions import EMOTIONS
from visage.media.phones import BILABIALS, LABIODENTALS

Array = NDArray[np.float64]

_JAW, _CLOSE, _ROLL = (CURVE_INDEX[name] for name in ("JawOpen", "MouthClose", "MouthRollLower"))
_RAISERS: Final = [
    CURVE_INDEX[f"{name}{side}"] for name in ("MouthLowerDown", "MouthUpperUp") for side in ("Left", "Right")
]
_LEFT: Final = [index for index, name in enumerate(CURVE_NAMES) if name.endswith("Left")]
_RIGHT: Final = [CURVE_INDEX[CURVE_NAMES[index].removesuffix("Left") + "Right"] for index in _LEFT]
_WINDOW_FRAMES: Final = int(FRAME_RATE) * 3 // 2
_SKIPPED_FRAMES: Final = int(FRAME_RATE)


@dataclass(frozen=True, eq=False)
class Separation:
    """classes: neutral first; confusion: [true, guessed] windows; distance: [class, class] between means, in curves."""

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    distance: Array

    @property
    def accuracy(self) -> float:
        """Share of windows whose emotion is recognised."""
        return float(np.trace(self.confusion) / self.confusion.sum())


@dataclass(frozen=True)
class Closures:
    """How far lips part where they should meet.

    Attributes:
        lips: Most by which p, b and m are further open in their middle (JawOpen - MouthClose, or a raised lip).
        bite: Most by which the lower lip of f and v lies further from the teeth than without the emotion.
        rounding: Least share of pucker and funnel that is left in rounded vowels.
        jaw: Mean opening in vowels against the same without the emotion.
    """

    lips: float
    bite: float
    rounding: float
    jaw: float


def separation(train_seeds: Sequence[int], test_seeds: Sequence[int], weight: float = 1.0) -> Separation:
    """Nearest centroid over mean curves of windows of 1.5 s, with other seeds and other words in the test."""
    classes = ("neutral", *EMOTIONS)

    def windows(seeds: Sequence[int], emotion: str) -> Array:
        weights = {} if emotion == "neutral" else {emotion: weight}
        return np.concatenate([_windows(perform(weights, seed)) for seed in seeds])

    centroids = np.stack([windows(train_seeds, emotion).mean(axis=0) for emotion in classes])
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    for row, emotion in enumerate(classes):
        tested = windows(test_seeds, emotion)
        guesses = np.linalg.norm(tested[:, None] - centroids, axis=2).argmin(axis=1)
        np.add.at(confusion[row], guesses, 1)
    return Separation(classes, confusion, np.linalg.norm(centroids[:, None] - centroids, axis=2))


def closures(emotion: str, seed: int) -> Closures:
    """Closures of the same words with an emotion at full weight and without."""
    plain, felt = perform({}, seed), perform({emotion: 1.0}, seed)
    lips = [_gap(felt.clip.curves[frame]) - _gap(plain.clip.curves[frame]) for frame in _middles(felt, BILABIALS)]
    bites = _middles(felt, LABIODENTALS)
    bite = [_bite(felt.clip.curves[frame]) - _bite(plain.clip.curves[frame]) for frame in bites]
    rounded = [frame for frame in _middles(felt, {"uw", "w", "ow"}) if _roundness(plain.clip.curves[frame]) > 0.3]
    rounding = [_roundness(felt.clip.curves[frame]) / _roundness(plain.clip.curves[frame]) for frame in rounded]
    vowels = _middles(felt, {"aa", "ae", "eh", "ah"})
    jaw = felt.clip.curves[vowels, _JAW].mean() / plain.clip.curves[vowels, _JAW].mean()
    return Closures(max(lips), max(bite), min(rounding), float(jaw))


def _middles(performed: Performed, phones: set[str] | frozenset[str]) -> list[int]:
    return [
        int((phone.start_s + phone.end_s) / 2 * float(FRAME_RATE))
        for phone in performed.phones
        if phone.phone in phones
    ]


def _gap(curves: NDArray[np.float32]) -> float:
    return float(max(curves[_JAW] - curves[_CLOSE], curves[_RAISERS].max()))


def _bite(curves: NDArray[np.float32]) -> float:
    """Distance of the lower lip from the upper teeth in arbitrary units: jaw and lip muscle open, rolling closes."""
    lower = [CURVE_INDEX["MouthLowerDownLeft"], CURVE_INDEX["MouthLowerDownRight"]]
    return float(curves[_JAW] - curves[_CLOSE] + 0.25 * curves[lower].max() - 0.25 * curves[_ROLL])


def _roundness(curves: NDArray[np.float32]) -> float:
    return float(max(curves[CURVE_INDEX["MouthPucker"]], curves[CURVE_INDEX["MouthFunnel"]]))


def _windows(performed: Performed) -> Array:
    """[windows, 52] mean curves; which side of a face is the stronger one does not count."""
    curves = performed.clip.curves[_SKIPPED_FRAMES:-_SKIPPED_FRAMES].astype(np.float64)
    count = len(curves) // _WINDOW_FRAMES
    means = curves[: count * _WINDOW_FRAMES].reshape(count, _WINDOW_FRAMES, -1).mean(axis=1)
    left, right = means[:, _LEFT], means[:, _RIGHT]
    means[:, _LEFT], means[:, _RIGHT] = np.maximum(left, right), np.minimum(left, right)
    return np.asarray(means)
