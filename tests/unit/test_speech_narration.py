"""Clauses behind one another on one clock."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.tone_engine import EDGE_S, LETTER_S, LEVEL, SAMPLE_RATE_HZ, TONE_VOICE, ToneEngine
from visage.media import pcm
from visage.speech.narration import Passage
from visage.speech.narrator import Delivery, Narrator
from visage.speech.prosody import Prosody
from visage.speech.script import Script
from visage.speech.ssml.speakers import Speakers
from visage.speech.utterance import Phoneme, Timing
from visage.speech.voices import VoiceCatalogue

pytestmark = pytest.mark.unit

TEXT = "Hello there. \U0001f600 How are you? Fine, I'm \x07glad."


async def narrate(text: str, target_rate_hz: int = SAMPLE_RATE_HZ, prosody: Prosody | None = None) -> list[Passage]:
    narrator = Narrator({"tone": ToneEngine()}, Delivery(TONE_VOICE, target_rate_hz, prosody or Prosody()))
    script = Script(Speakers(VoiceCatalogue([TONE_VOICE]), TONE_VOICE, is_chosen=True))
    spoken = [await narrator.speak(line) for line in [*script.text(text), *script.flush()]]
    return [*filter(None, spoken), narrator.finish()]


def sound_of(passages: list[Passage]) -> pcm.FloatPcm:
    return np.concatenate([passage.samples for passage in passages])


async def test_words_lead_back_to_the_callers_text() -> None:
    """Each word's span in the text is the word, across clauses, emoji and control characters."""
    words = [word for passage in await narrate(TEXT) for word in passage.timing.words]

    assert [word.text for word in words] == ["Hello", "there", "How", "are", "you", "Fine", "I'm", "glad"]
    assert all(TEXT[word.text_start : word.text_end] == word.text for word in words)


async def test_phonemes_cover_the_clock_without_gaps() -> None:
    """Phonemes of all clauses follow one another from 0 to the end of the sound."""
    passages = await narrate(TEXT)
    phonemes = [phoneme for passage in passages for phoneme in passage.timing.phonemes]
    ends_s = [0.0, *(phoneme.end_s for phoneme in phonemes)]

    assert [phoneme.start_s for phoneme in phonemes] == pytest.approx(ends_s[:-1], abs=1e-4)
    assert ends_s[-1] == pytest.approx(len(sound_of(passages)) / SAMPLE_RATE_HZ, abs=1e-4)


@pytest.mark.parametrize("rate_hz", [8000, SAMPLE_RATE_HZ, 48_000])
async def test_words_sound_when_they_are_said_to(rate_hz: int) -> None:
    """At every output rate the tone of each word lies within its span, and pauses are silent."""
    passages = await narrate(TEXT, rate_hz)
    sound = sound_of(passages)
    words = [word for passage in passages for word in passage.timing.words]
    level = np.sqrt(np.convolve(sound**2, np.ones(rate_hz // 100) / (rate_hz // 100), "same"))
    times_s = np.arange(len(sound)) / rate_hz
    is_word = np.zeros(len(sound), bool)
    is_near = np.zeros(len(sound), bool)
    for word in words:
        is_word |= (times_s > word.start_s + 0.01) & (times_s < word.end_s - 0.01)
        is_near |= (times_s > word.start_s - 0.01) & (times_s < word.end_s + 0.01)

    assert level[is_word].min() > LEVEL / 3
    assert level[~is_near].max() < 0.01


async def test_pauses_fit_how_clauses_end() -> None:
    """The engine's silence is replaced: a comma pauses for less than a stop, and neither for the engine's 0.4 s."""
    text = "This is the very first of all the clauses here, then more. And more."
    first, second, third = (await narrate(text))[:3]
    gaps_s = [
        after.timing.words[0].start_s - before.timing.words[-1].end_s
        for before, after in ((first, second), (second, third))
    ]

    assert gaps_s[0] == pytest.approx(0.21, abs=0.01)
    assert gaps_s[1] == pytest.approx(0.41, abs=0.01)
    assert second.timing.words[0].start_s > len(text.split(",")[0].replace(" ", "")) * LETTER_S - EDGE_S


async def test_joins_do_not_click() -> None:
    """No step between neighbouring samples exceeds what the tone itself makes."""
    sound = sound_of(await narrate(TEXT))
    steepest = LEVEL * 2 * np.pi * 200 / SAMPLE_RATE_HZ

    assert np.abs(np.diff(sound)).max() < 1.2 * steepest
    assert abs(sound[0]) < 0.01
    assert abs(sound[-1]) < 0.01


async def test_gain_is_applied_and_limited() -> None:
    """-20 dB is a tenth; +16 dB of a loud tone stays under the ceiling without wrapping."""
    plain = sound_of(await narrate(TEXT))
    soft = sound_of(await narrate(TEXT, prosody=Prosody(volume_gain_db=-20)))
    loud = sound_of(await narrate(TEXT, prosody=Prosody(volume_gain_db=16)))

    assert np.abs(soft).max() == pytest.approx(np.abs(plain).max() / 10, rel=0.01)
    assert 0.8 < np.abs(loud).max() <= pcm.decibels_to_gain(-1) + 1e-4
    assert np.corrcoef(loud, plain)[0, 1] > 0.98


def test_visemes_join_neighbours() -> None:
    """Phonemes that look alike become one viseme span."""
    timing = Timing((Phoneme("p", "p", 0.0, 0.1), Phoneme("b", "b", 0.1, 0.2), Phoneme("a", "aa", 0.2, 0.3)), ())

    assert [(v.viseme, v.start_s, v.end_s) for v in timing.visemes()] == [("pp", 0.0, 0.2), ("aa", 0.2, 0.3)]
