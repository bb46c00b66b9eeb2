"""Phones laid over time: the likeliest path through posteriors, along a given sequence or free.

Source: L. R. Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition", Proc. IEEE
77 (1989); posteriors divided by priors serve as likelihoods (H. Bourlard, N. Morgan, "Connectionist speech
recognition", 1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.phones import PHONE_COUNT, PHONE_INDEX, SILENCE
from visage.speech.analysis_ports import FloatArray

_LEAST_POSTERIOR: Final = 1e-4
_SILENCE_INDEX: Final = PHONE_INDEX[SILENCE]
# Neighbouring steps are far from independent: what they say together counts less than their product.
_CHANGE_COST: Final = 3.0
_FREE_CHANGE_COST: Final = 6.0
_PAUSE_COST: Final = 2.0
_IMPOSSIBLE: Final = -1e9


@dataclass(frozen=True, slots=True)
class Segment:
    """Steps `start` to `stop` (exclusive) in which item `item` of the sequence sounds; -1 is a pause between items."""

    item: int
    phone: int
    start: int
    stop: int


class TooShort(Exception):
    """The recording has fewer steps than the sequence has phones."""


def align(posteriors: FloatArray, phones: Sequence[int], may_pause_before: Sequence[bool]) -> list[Segment]:
    """Returns the likeliest segments that hold `phones` in order, covering all steps.

    Args:
        posteriors: [steps, 43].
        phones: Index in `PHONE_CLASSES` of each item.
        may_pause_before: [items] whether silence may lie before the item; it may always lie at the end.

    Raises:
        TooShort: More items than steps.
    """
    states, items, skippable = _chain(phones, may_pause_before)
    scores = _scores(posteriors)[:, states]
    step_count, state_count = scores.shape
    if len(phones) > step_count:
        raise TooShort
    best = np.full(state_count, _IMPOSSIBLE)
    best[0] = scores[0, 0]
    best[1] = scores[0, 1]
    came = np.zeros((step_count, state_count), np.uint8)
    # A state is entered from the one before it, or from the one before that if a pause lies between.
    skip = np.zeros(state_count, bool)
    skip[2:] = skippable[1:-1]
    entry_cost = np.where(skippable, _PAUSE_COST, _CHANGE_COST)
    for step in range(1, step_count):
        entered = np.concatenate([[_IMPOSSIBLE], best[:-1]]) - entry_cost
        skipped = np.where(skip, np.concatenate([[_IMPOSSIBLE] * 2, best[:-2]]), _IMPOSSIBLE) - _CHANGE_COST
        options = np.stack([best, entered, skipped])
        came[step] = options.argmax(axis=0)
        best = options.max(axis=0) + scores[step]
    state = state_count - 1 if best[-1] >= best[-2] else state_count - 2
    path = np.empty(step_count, np.intp)
    for step in range(step_count - 1, -1, -1):
        path[step] = state
        state -= int(came[step, state])
    return _segments(path, states, items)


def recognise(posteriors: FloatArray) -> list[Segment]:
    """Returns the likeliest segments of any phones, covering all steps; each is its own item."""
    scores = _scores(posteriors)
    came = np.zeros(scores.shape, np.intp)
    best = scores[0].copy()
    everyone = np.arange(PHONE_COUNT)
    for step in range(1, len(scores)):
        leader = int(best.argmax())
        changed = best[leader] - _FREE_CHANGE_COST > best
        came[step] = np.where(changed, leader, everyone)
        best = np.where(changed, best[leader] - _FREE_CHANGE_COST, best) + scores[step]
    state = int(best.argmax())
    path = np.empty(len(scores), np.intp)
    for step in range(len(scores) - 1, -1, -1):
        path[step] = state
        state = int(came[step, state])
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(path)) + 1, [len(path)]])
    return [
        Segment(index, int(path[start]), start, stop) for index, (start, stop) in enumerate(pairwise(cuts.tolist()))
    ]


def agreement(posteriors: FloatArray, segment: Segment) -> float:
    """How well a segment's phone agrees with the sound, 0..1: geometric mean of its posterior over the best one's."""
    part = np.maximum(posteriors[segment.start : segment.stop], _LEAST_POSTERIOR)
    ratio = np.log(part[:, segment.phone]) - np.log(part.max(axis=1))
    return float(np.exp(ratio.mean()))


def _scores(posteriors: FloatArray) -> NDArray[np.float64]:
    return np.log(np.maximum(posteriors.astype(np.float64), _LEAST_POSTERIOR))


def _chain(
    phones: Sequence[int], may_pause_before: Sequence[bool]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Classes, items and pause marks of the states: a pause, then each phone with a pause before it where one may be.

    The first and the last state are always pauses, so that a recording may begin and end with silence.
    """
    states, items, pauses = [_SILENCE_INDEX], [-1], [True]
    for index, (phone, may_pause) in enumerate(zip(phones, may_pause_before, strict=True)):
        if may_pause and index:
            states.append(_SILENCE_INDEX)
            items.append(-1)
            pauses.append(True)
        states.append(phone)
        items.append(index)
        pauses.append(False)
    states.append(_SILENCE_INDEX)
    items.append(-1)
    pauses.append(True)
    return np.array(states, np.intp), np.array(items, np.intp), np.array(pauses)


def _segments(path: NDArray[np.intp], states: NDArray[np.intp], items: NDArray[np.intp]) -> list[Segment]:
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(path)) + 1, [len(path)]])
    return [
        Segment(int(items[path[start]]), int(states[path[start]]), start, stop)
        for start, stop in pairwise(cuts.tolist())
    ]
