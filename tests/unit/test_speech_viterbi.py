"""Phones laid over posteriors: in order, with pauses where they may be, and what does not fit is noticed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from visage.media.phones import PHONE_COUNT, PHONE_INDEX
from visage.speech.viterbi import Segment, TooShort, agreement, align, recognise

pytestmark = pytest.mark.unit

SIL, M, AA, S = (PHONE_INDEX[name] for name in ("sil", "m", "aa", "s"))


def heard(*spans: tuple[int, int], certainty: float = 0.9) -> np.ndarray:
    """[steps, 43] posteriors of (phone, steps) one after the other."""
    rows = []
    for phone, count in spans:
        row = np.full(PHONE_COUNT, (1 - certainty) / (PHONE_COUNT - 1), np.float32)
        row[phone] = certainty
        rows += [row] * count
    return np.stack(rows)


def test_phones_lie_where_they_are_heard() -> None:
    """Every phone gets its steps, and silence around them is no phone."""
    segments = align(heard((SIL, 5), (M, 8), (AA, 12), (S, 6), (SIL, 4)), [M, AA, S], [True, False, False])

    assert segments == [
        Segment(-1, SIL, 0, 5),
        Segment(0, M, 5, 13),
        Segment(1, AA, 13, 25),
        Segment(2, S, 25, 31),
        Segment(-1, SIL, 31, 35),
    ]


def test_a_pause_lies_between_words_only() -> None:
    """Silence between two items is a pause where one may be; elsewhere a neighbour takes it."""
    posteriors = heard((M, 8), (SIL, 10), (AA, 20))
    with_pause = align(posteriors, [M, AA], [True, True])
    without = [segment.item for segment in align(posteriors, [M, AA], [True, False])]

    assert [(s.item, s.start, s.stop) for s in with_pause] == [(0, 0, 8), (-1, 8, 18), (1, 18, 38)]
    assert without.index(1) == without.index(0) + 1


def test_a_phone_that_is_not_heard_still_gets_a_place() -> None:
    """A phone missing in the sound is given a step, in order."""
    segments = align(heard((M, 10), (AA, 10)), [M, S, AA], [True, False, False])
    missing = next(segment for segment in segments if segment.item == 1)

    assert missing.stop - missing.start == 1
    assert [segment.item for segment in segments] == [0, 1, 2]


def test_segments_cover_everything() -> None:
    """Segments follow one another from the first step to the last, whatever is heard."""
    random = np.random.default_rng(0).random((120, PHONE_COUNT)).astype(np.float32)
    posteriors = random / random.sum(axis=1, keepdims=True)
    segments = align(posteriors, [M, AA, S, AA, M], [True, False, True, False, False])

    assert segments[0].start == 0 and segments[-1].stop == 120
    assert all(a.stop == b.start for a, b in pairwise(segments))
    assert [s.item for s in segments if s.item >= 0] == [0, 1, 2, 3, 4]


def test_more_phones_than_steps_are_refused() -> None:
    """What cannot fit is not aligned."""
    with pytest.raises(TooShort):
        align(heard((M, 3)), [M, AA, M, AA], [True] * 4)


def test_free_recognition_finds_the_phones() -> None:
    """Without a sequence the phones that are heard are given, and a flicker of one step is none."""
    segments = recognise(heard((SIL, 5), (M, 8), (AA, 5), (S, 1), (AA, 5), (SIL, 5), certainty=0.7))

    assert [segment.phone for segment in segments] == [SIL, M, AA, SIL]


def test_agreement_tells_right_from_wrong() -> None:
    """It is 1 for what is heard and near 0 for what is not."""
    posteriors = heard((M, 10))

    assert agreement(posteriors, Segment(0, M, 0, 10)) == pytest.approx(1)
    assert agreement(posteriors, Segment(0, S, 0, 10)) < 0.05
