"""Words from the events of espeak-ng."""

from __future__ import annotations

import pytest

from visage.speech.engines.espeak_words import EventPhoneme, words_of_events
from visage.speech.utterance import Phoneme

pytestmark = pytest.mark.unit


def sounds(*ipa: str, step_s: float = 0.1) -> list[EventPhoneme]:
    """Phonemes of 0.1 s each; an empty one is a pause."""
    return [
        EventPhoneme(i * step_s, Phoneme(symbol, "ah" if symbol else "sil", i * step_s, (i + 1) * step_s))
        for i, symbol in enumerate(ipa)
    ]


def test_a_number_of_many_events_is_one_word() -> None:
    """Events inside a word, as for the digits of a number, do not divide it."""
    words = words_of_events("a 3.50 b", [(0, 0.0), (2, 0.1), (3, 0.2), (3, 0.3), (7, 0.4)], sounds(*"abcde"))

    assert [(word.text, word.start_s, pytest.approx(word.end_s)) for word in words] == [
        ("a", 0.0, 0.1),
        ("3.50", 0.1, 0.4),
        ("b", 0.4, 0.5),
    ]


def test_words_spoken_as_one_share_its_sounds() -> None:
    """A word without an event of its own takes the end of the sounds of the word before it."""
    words = words_of_events("on the hill", [(0, 0.0), (7, 0.4)], sounds("ɔ", "n", "ð", "ə", "h", "ɪ", "l"))

    assert [word.text for word in words] == ["on", "the", "hill"]
    assert words[0].end_s == pytest.approx(words[1].start_s)
    assert words[1].end_s == pytest.approx(0.4)


def test_a_pause_belongs_to_no_word() -> None:
    """A word ends with its last sound, not with the pause behind it."""
    words = words_of_events("a, b", [(0, 0.0), (3, 0.3)], sounds("a", "", "", "b"))

    assert [(word.text, pytest.approx(word.end_s)) for word in words] == [("a", 0.1), ("b", 0.4)]


def test_what_makes_no_sound_is_no_word() -> None:
    """A sign that the engine skips has no span, and text without events has no words."""
    assert [word.text for word in words_of_events("a ^ b", [(0, 0.0), (4, 0.1)], sounds("a", "b"))] == ["a", "b"]
    assert words_of_events("...", [], []) == ()
