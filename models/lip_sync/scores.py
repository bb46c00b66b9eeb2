"""Figures that say how well a mouth follows its phones; NumPy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from visage.media.articulation import LOWER_FACE_INDEX, lip_opening
from visage.media.phones import BILABIALS, PHONE_CLASSES, VOWELS
from visage.media.visemes import viseme_of

Array = NDArray[np.float32]
# An inner-lip gap under this share of the median vowel's counts as closed.
CLOSED_SHARE = 0.25
_CLOSURE_FRAMES = range(2, 13)
_LAGS = range(-4, 5)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One recording: predicted and reference curves [T, 17], reference classes [T], posteriors [T, 43] if any."""

    predicted: Array
    reference: Array
    classes: NDArray[np.integer]
    posteriors: Array | None = None


def _members(names: frozenset[str]) -> list[int]:
    return [index for index, name in enumerate(PHONE_CLASSES) if name in names]


def _correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


def _rounding(curves: Array) -> Array:
    rounding: Array = curves[:, LOWER_FACE_INDEX["MouthPucker"]] + curves[:, LOWER_FACE_INDEX["MouthFunnel"]]
    return rounding


def _bilabials(classes: NDArray[np.integer]) -> Iterator[slice]:
    """Spans of p, b and m, long enough to see and short enough to be one sound."""
    edges = np.flatnonzero(np.diff(classes.astype(int), prepend=-1, append=-1))
    for start, end in pairwise(edges):
        if PHONE_CLASSES[classes[start]] in BILABIALS and end - start in _CLOSURE_FRAMES:
            yield slice(start, end)


def best_lag(recordings: Sequence[Spoken]) -> int:
    """Frames of 20 ms by which the prediction must be delayed to match best; positive means it is early."""
    means = {
        lag: np.mean(
            [_correlation(np.roll(lip_opening(s.predicted), lag), lip_opening(s.reference)) for s in recordings]
        )
        for lag in _LAGS
    }
    return max(means, key=lambda lag: float(means[lag]))


def score(recordings: Sequence[Spoken]) -> dict[str, float]:
    """Correlations with the reference, share of closures made and wrongly made, phones and visemes found."""
    predicted = np.concatenate([recording.predicted for recording in recordings])
    reference = np.concatenate([recording.reference for recording in recordings])
    classes = np.concatenate([recording.classes for recording in recordings])
    opening, vowels = lip_opening(predicted), np.isin(classes, _members(VOWELS))
    closed_below = CLOSED_SHARE * float(np.median(opening[vowels]))
    gaps, position = [], 0
    for recording in recordings:
        for span in _bilabials(recording.classes):
            # One frame of grace before and after, for labels on a 10 ms grid.
            gaps.append(opening[position + max(0, span.start - 1) : position + span.stop + 1].min())
        position += len(recording.classes)
    jaw = LOWER_FACE_INDEX["JawOpen"]
    figures = {
        "jaw": _correlation(predicted[:, jaw], reference[:, jaw]),
        "opening": _correlation(opening, lip_opening(reference)),
        "rounding": _correlation(_rounding(predicted), _rounding(reference)),
        "bilabials": float(len(gaps)),
        "closed": float(np.mean(np.array(gaps) < closed_below)) if gaps else 0.0,
        "falsely closed": float(np.mean(opening[vowels] < closed_below)),
        "lag (frames)": float(best_lag(recordings)),
    }
    if all(recording.posteriors is not None for recording in recordings):
        found = np.concatenate([r.posteriors.argmax(1) for r in recordings if r.posteriors is not None])
        viseme = np.array([viseme_of(phone) for phone in PHONE_CLASSES])
        figures["phones"] = float(np.mean(found == classes))
        figures["visemes"] = float(np.mean(viseme[found] == viseme[classes]))
    return figures
