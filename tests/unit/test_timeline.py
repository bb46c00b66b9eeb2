"""Frames, samples and fragments on one clock."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.media.timeline import Timeline

pytestmark = pytest.mark.unit

NTSC = Fraction(30000, 1001)
RATES = st.sampled_from([Fraction(10), Fraction(24), Fraction(25), NTSC, Fraction(60)])


def test_a_rate_must_be_positive() -> None:
    """Zero frames per second are refused."""
    with pytest.raises(ValueError, match="positive"):
        Timeline(Fraction(0))


def test_an_odd_rate_does_not_drift() -> None:
    """After an hour at 30000/1001 the start of a frame is exact."""
    assert Timeline(NTSC).start_of(107_892) == Fraction(107_892 * 1001, 30000)


@given(RATES, st.integers(0, 100_000))
def test_the_frame_shown_when_a_frame_starts_is_that_frame(rate: Fraction, frame: int) -> None:
    """Frame to time and back is the identity."""
    timeline = Timeline(rate)

    assert timeline.frame_at(timeline.start_of(frame)) == frame


@given(RATES, st.integers(1, 1_000_000))
def test_covering_frames_last_long_enough_and_one_less_would_not(rate: Fraction, samples: int) -> None:
    """The frames that cover a duration are the fewest."""
    timeline, duration_s = Timeline(rate), Fraction(samples, 16_000)
    count = timeline.frames_covering(duration_s)

    assert timeline.start_of(count - 1) < duration_s <= timeline.start_of(count)


@given(RATES, st.integers(0, 5000), st.sampled_from([8000, 16_000, 22_050, 44_100, 48_000]))
def test_samples_of_a_frame_lie_within_its_time(rate: Fraction, frame: int, sample_rate_hz: int) -> None:
    """The first sample heard with a frame is the first that does not begin before it."""
    timeline = Timeline(rate)
    sample = timeline.sample_at(frame, sample_rate_hz)

    assert Fraction(sample - 1, sample_rate_hz) < timeline.start_of(frame) <= Fraction(sample, sample_rate_hz)


def test_fragments_keep_to_the_clock() -> None:
    """At 25 frames per second fragments of 500 ms have 13 and 12 frames in turn."""
    timeline = Timeline(Fraction(25))

    starts = [frame for frame in range(60) if timeline.starts_fragment(frame, Fraction(1, 2))]

    assert starts == [0, 13, 25, 38, 50]


def test_a_fragment_shorter_than_a_frame_holds_one() -> None:
    """At 10 frames per second fragments of 50 ms start with every frame."""
    timeline = Timeline(Fraction(10))

    assert all(timeline.starts_fragment(frame, Fraction(1, 20)) for frame in range(20))
