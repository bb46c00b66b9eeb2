"""Emotions from the caller: keys in time, faces that differ, mouths that still speak."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.animation.babble import Performed, perform
from benchmarks.animation.emotion_figures import closures, separation
from visage.animation.controls import Controls, EmotionKey
from visage.animation.emotion_table import FACES, MIRRORED_FACES
from visage.animation.emotion_track import EmotionTrack
from visage.animation.emotional_mouth import closedness
from visage.animation.frame_clock import FrameClock
from visage.animation.performance import Performance
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.emotions import EMOTION_INDEX, EMOTIONS
from visage.media.phones import BILABIALS

pytestmark = pytest.mark.unit

JOY, ANGER = EMOTION_INDEX["joy"], EMOTION_INDEX["anger"]
JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
RAISERS = [CURVE_INDEX[f"{name}{side}"] for name in ("MouthLowerDown", "MouthUpperUp") for side in ("Left", "Right")]
SMILE = CURVE_INDEX["MouthSmileLeft"]


def key(at_s: float, **weights: float) -> EmotionKey:
    """A key of emotions by name."""
    return EmotionKey(at_s, weights)


def follow(track: EmotionTrack, length_s: float) -> np.ndarray:
    """[ticks, 10] weights."""
    return np.array([track.advance() for _ in range(round(length_s * 50))])


def at(weights: np.ndarray, time_s: float) -> np.ndarray:
    """[10] weights of the first tick whose middle is not before a time."""
    row: np.ndarray = weights[int(np.ceil(time_s * 50 - 0.5))]
    return row


@cache
def performed(emotion: str, seed: int) -> Performed:
    """Babble under an emotion at full weight; "" is neutral."""
    return perform({emotion: 1.0} if emotion else {}, seed)


def test_a_key_is_reached_at_its_time_and_held_until_the_next() -> None:
    """Half a second suffices; between keys nothing changes."""
    weights = follow(EmotionTrack([key(1, joy=0.8), key(3, anger=1, joy=0)]), 4)

    assert at(weights, 0.45)[JOY] == 0
    assert at(weights, 1.0)[JOY] == pytest.approx(0.8, abs=1e-3)
    assert np.ptp(weights[52:120, JOY]) < 1e-6
    assert at(weights, 3.0)[[JOY, ANGER]] == pytest.approx([0, 1], abs=1e-3)


def test_keys_closer_than_half_a_second_are_still_reached_one_by_one() -> None:
    """With 0.35 s between them a face hurries; the one ahead is not left before its time."""
    weights = follow(EmotionTrack([key(1, joy=1), key(1.35, anger=1)]), 2)

    assert at(weights, 1.0)[JOY] == pytest.approx(1, abs=1e-2)
    assert at(weights, 1.35)[[JOY, ANGER]] == pytest.approx([0, 1], abs=1e-2)


def test_a_dense_track_of_keys_is_followed() -> None:
    """Keys at every 30th of a second that rise evenly give an even rise, at most half a second late."""
    weights = follow(EmotionTrack([key(n / 30, joy=min(1, n / 90)) for n in range(150)]), 5)[:, JOY]

    assert np.diff(weights).min() > -1e-3
    assert weights[140] > 140 / 150 - 0.2
    assert weights[-1] == pytest.approx(1, abs=1e-3)


def test_a_sum_above_one_is_scaled_down() -> None:
    """Three full emotions are a third each."""
    weights = follow(EmotionTrack([key(0, joy=1, anger=1, fear=1)]), 1)[-1]

    assert weights.sum() == pytest.approx(1)
    assert weights[JOY] == pytest.approx(1 / 3)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 150), st.lists(st.tuples(st.floats(0, 4), st.floats(0, 1)), max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_changes_an_emotion_keeps_its_inertia(
    changes: list[tuple[int, list[tuple[float, float]]]],
) -> None:
    """Speed stays below 10 a second and acceleration below 150 a second squared, also when keys are replaced."""
    track = EmotionTrack([])
    at_tick = {tick: [key(time_s, joy=size) for time_s, size in sorted(keys)] for tick, keys in changes}
    values = []
    for tick in range(300):
        if tick in at_tick:
            track.change(at_tick[tick])
        values.append(float(track.advance()[JOY]))
    speed = np.diff(values, prepend=0) / 0.02

    assert min(values) >= 0
    assert max(values) <= 1
    assert np.abs(speed).max() < 10
    assert np.abs(np.diff(speed, prepend=0)).max() / 0.02 < 150


def test_faces_are_even_but_for_cheekiness() -> None:
    """Mirroring changes one emotion only, and every face has curves of its own."""
    uneven = [
        name for name, face, mirrored in zip(EMOTIONS, FACES, MIRRORED_FACES, strict=True) if (face != mirrored).any()
    ]

    assert uneven == ["cheekiness"]
    assert ((FACES > 0.1).sum(axis=1) >= 5).all()
    assert FACES.max() <= 1 and FACES.min() >= 0


def test_each_emotion_is_recognised_in_its_curves() -> None:
    """Other words and seeds than those of the centroids: at least 95 % of windows are recognised, neutral ones too."""
    found = separation(range(2), range(10, 12))

    assert found.accuracy >= 0.95
    assert found.distance[~np.eye(len(found.classes), dtype=bool)].min() > 0.4


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_lips_that_meet_still_meet(emotion: str) -> None:
    """At full strength p, b and m are as shut as without, teeth find the lip, and rounded vowels stay round."""
    found = closures(emotion, 3)

    assert found.lips < 0.01
    assert found.bite < 0.01
    assert found.rounding > 0.95
    assert 0.8 < found.jaw < 1.2


@pytest.mark.parametrize("emotion", ["joy", "fear", "disgust", "pain"])
def test_no_emotion_leaks_into_a_closure(emotion: str) -> None:
    """In every frame of a bilabial that is shut without the emotion, it is shut with it; also at 10 frames a second."""
    plain, felt = performed("", 5), performed(emotion, 5)
    inside = [
        frame
        for phone in plain.phones
        if phone.phone in BILABIALS
        for frame in range(round(phone.start_s * 50), round(phone.end_s * 50))
    ]
    shut = [frame for frame in inside if closedness(plain.clip.curves[frame]) == 1]

    assert len(shut) > 20
    assert (felt.clip.curves[shut][:, RAISERS] <= plain.clip.curves[shut][:, RAISERS] + 1e-3).all()
    assert (felt.clip.curves[shut, JAW] - felt.clip.curves[shut, CLOSE]).max() < 0.03


def test_a_closure_between_frames_keeps_the_emotion_out() -> None:
    """At 10 frames a second, a frame that shows a closure shows no lip that joy or breath would part."""
    performance = Performance(Controls(emotion_keys=(key(0, joy=0.5, outofbreath=0.5),)))
    mouth = np.zeros((150, CURVE_COUNT), np.float32)
    mouth[:, JAW] = 0.4
    mouth[:, RAISERS] = 0.2
    mouth[101:104, CLOSE] = 0.4
    speech, levels = np.ones(150, np.float32), np.full(150 + LOOK_AHEAD_TICKS, -24, np.float32)
    clock = FrameClock(Fraction(10))
    clock.push(performance.advance(mouth, speech, levels))
    block = clock.frames(Fraction(3), is_ended=False)
    assert block is not None
    frame = block.curves[20]

    assert frame[JAW] - frame[CLOSE] == pytest.approx(0, abs=1e-6)
    assert frame[RAISERS].max() == pytest.approx(0, abs=1e-6)
    assert block.curves[19][RAISERS].max() > 0.2


def test_a_smile_gives_way_to_rounded_lips() -> None:
    """Under joy the smile is far smaller in a held "oo" than in a held "ah"."""

    def smile(curve: str) -> float:
        mouth = np.zeros((100, CURVE_COUNT), np.float32)
        mouth[:, CURVE_INDEX[curve]] = 0.7
        performance = Performance(Controls(emotion_keys=(key(0, joy=1),)))
        made = performance.advance(mouth, np.ones(100, np.float32), np.full(107, -24, np.float32))
        return float(made.life[-1, SMILE])

    assert smile("MouthPucker") < 0.35 * smile("JawOpen")


def test_an_expression_is_never_frozen() -> None:
    """A held emotion goes on moving in brows, cheeks and mouth, slowly, and differently with another seed."""
    watched = [CURVE_INDEX[name] for name in ("BrowDownLeft", "CheekSquintLeft", "NoseSneerLeft")]
    one, other = performed("disgust", 6).clip.curves[100:-60, watched], perform({"disgust": 1.0}, 7).clip.curves

    assert (one.std(axis=0) > 0.02).all()
    assert np.abs(np.diff(one, axis=0)).max() < 0.05
    assert np.abs(one[:100] - other[100:200, watched]).max() > 0.02


def test_strength_scales_and_none_leaves_nothing() -> None:
    """emotion_strength 0 gives the neutral performance, bit for bit; 0.5 is weaker than 1."""
    plain, none = performed("", 8).clip, perform({"joy": 1.0}, 8, emotion_strength=0.0).clip
    half, full = perform({"joy": 1.0}, 8, emotion_strength=0.5).clip, performed("joy", 8).clip

    assert np.array_equal(plain.curves, none.curves)
    assert 0.3 < half.curves[:, SMILE].mean() / full.curves[:, SMILE].mean() < 0.75


def test_blinks_close_wide_eyes() -> None:
    """Under amazement and fear a blink still shuts the lids."""
    for emotion in ("amazement", "fear"):
        curves = perform({emotion: 1.0}, 9, blinks_per_minute=40.0).clip.curves
        shut = curves[curves[:, CURVE_INDEX["EyeBlinkLeft"]] > 0.95]

        assert len(shut) > 0
        assert shut[:, CURVE_INDEX["EyeWideLeft"]].max() < 0.1


def test_moods_move_head_and_eyes() -> None:
    """Sadness lowers head and gaze, anger comes forward, fear draws back, cheekiness tilts."""
    mean = {name: performed(name, 10).clip for name in ("", "sadness", "anger", "fear", "cheekiness")}
    poses = {name: clip.poses[50:-50].mean(axis=0) for name, clip in mean.items()}
    down = {name: clip.curves[50:-50, CURVE_INDEX["EyeLookDownLeft"]].mean() for name, clip in mean.items()}

    assert poses["sadness"][1] < poses[""][1] - 2
    assert down["sadness"] > down[""] + 0.1
    assert poses["anger"][5] < poses[""][5] - 4 < poses[""][5] + 4 < poses["fear"][5]
    assert abs(poses["cheekiness"][2] - poses[""][2]) > 3
