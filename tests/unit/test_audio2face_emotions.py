"""Emotions of Audio2Face-3D clients as keys of a performance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from visage.animation.audio2face.emotion_keys import HEARD_SHARE, EmotionKeys, EmotionMixing
from visage.animation.audio2face.remarks import Remarks
from visage.animation.controls import Controls, EmotionKey
from visage.runtime.errors import InvalidField

pytestmark = pytest.mark.unit


def sent(*emotions: tuple[float, dict[str, float]]) -> list[Any]:
    return [SimpleNamespace(time_code=at_s, emotion=weights) for at_s, weights in emotions]


def keys(**mixing: Any) -> EmotionKeys:
    return EmotionKeys(Controls(seed=3), EmotionMixing(**mixing), Remarks())


def test_keys_may_come_in_any_order() -> None:
    """They are sorted by time; a later message about a time replaces the earlier one."""
    emotions = keys()

    assert emotions.add(sent((2.0, {"joy": 1.0}), (1.0, {"fear": 0.5})))
    assert emotions.add(sent((2.0, {"anger": 1.0})))
    assert not emotions.add(sent((2.0, {"anger": 1.0}))) and not emotions.add([])
    assert emotions.controls.emotion_keys == (EmotionKey(1.0, {"fear": 0.5}), EmotionKey(2.0, {"anger": 1.0}))
    assert emotions.controls.seed == 3


def test_the_share_of_what_is_heard() -> None:
    """Nothing of the voice once emotions are sent, unless preferred_emotion_strength leaves it a share."""
    alone, mixed = keys(), keys(sent_share=0.75)
    before = alone.controls.detected_emotion_mix
    for emotions in (alone, mixed):
        emotions.add(sent((0.0, {"joy": 1.0})))

    assert before == HEARD_SHARE
    assert (alone.controls.detected_emotion_mix, mixed.controls.detected_emotion_mix) == (0.0, 0.25)


def test_emotions_may_be_switched_off() -> None:
    """Without enable_preferred_emotion nothing that is sent moves the face, and the client is told."""
    remarks = Remarks()
    emotions = EmotionKeys(Controls(), EmotionMixing(is_enabled=False), remarks)

    assert not emotions.add(sent((0.0, {"joy": 1.0})))
    assert emotions.controls.emotion_keys == () and emotions.controls.detected_emotion_mix == HEARD_SHARE
    assert "enable_preferred_emotion" in next(text for _, text in remarks.take())


@pytest.mark.parametrize(
    ("first_s", "expected"),
    [(None, [0.0, 1.0]), (0.0, [0.0]), (0.5, [0.0, 0.5]), (3.0, [0.0, 1.0, 3.0])],
)
def test_a_beginning_lasts_a_second_at_most(first_s: float | None, expected: list[float]) -> None:
    """Emotions that are sent take over from it."""
    emotions = keys(beginning=EmotionKey(0.0, {"pain": 1.0}))
    if first_s is not None:
        emotions.add(sent((first_s, {"joy": 1.0})))

    assert [key.at_s for key in emotions.controls.emotion_keys] == expected


def test_names_and_ranges() -> None:
    """Another spelling is understood, unknown names and values out of range are remarked on once."""
    remarks = Remarks()
    emotions = EmotionKeys(Controls(), EmotionMixing(), remarks)
    for at_s in (0.0, 1.0):
        emotions.add(sent((at_s, {"out_of_breath": 0.5, "glee": 1.0, "neutral": 1.0, "joy": 1.5})))
    told = [text for _, text in remarks.take()]

    assert emotions.controls.emotion_keys[0].weights == {"outofbreath": 0.5, "joy": 1.0}
    assert len(told) == 2 and not list(remarks.take())


@pytest.mark.parametrize("at_s", [-0.1, float("nan"), float("inf")])
def test_times_must_be_times(at_s: float) -> None:
    """The message names the entry."""
    with pytest.raises(InvalidField) as caught:
        keys().add(sent((0.0, {}), (at_s, {})))

    assert caught.value.field == "audio_with_emotion.emotions[1].time_code"


def test_each_emotion_begins_once() -> None:
    """Late ones begin with the next frame."""
    emotions = keys()
    emotions.add(sent((0.0, {"joy": 1.0}), (1.0, {"fear": 1.0})))
    begun = [[key.at_s for key in emotions.begun_before(time_s)] for time_s in (0.5, 0.5, 1.5)]
    emotions.add(sent((0.2, {"pain": 1.0})))

    assert begun == [[0.0], [], [1.0]]
    assert [key.at_s for key in emotions.begun_before(1.6)] == [0.2]
