"""A speech engine that hums: a tone per word, exact times, and notes of what was asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from visage.speech.ports import NO_PRONUNCIATIONS
from visage.speech.prosody import Prosody
from visage.speech.utterance import Phoneme, Timing, Utterance, Word
from visage.speech.voices import Gender, Tier, Voice
from visage.speech.word_ranges import word_ranges

SAMPLE_RATE_HZ = 16_000
EDGE_S = 0.2
"""Silence before the first and after the last word."""
LETTER_S = 0.05
TONE_HZ = 200.0
LEVEL = 0.5

TONE_VOICE = Voice(
    "voices/tone", "Tone", ("en-US",), SAMPLE_RATE_HZ, Tier.BASIC, Gender.UNSPECIFIED, "Apache-2.0", "tone", "tone"
)


class ToneEngine:
    """Implements `SpeechEngine`; words follow one another without gaps, 0.05 s a character."""

    name = "tone"

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.prosodies: list[Prosody] = []
        self.pronounced: dict[str, str] = {}
        self.cancelled = 0
        self.may_speak = asyncio.Event()
        self.may_speak.set()
        self.is_asked = asyncio.Event()
        self.is_open = False

    async def open(self) -> Sequence[Voice]:
        self.is_open = True
        return [TONE_VOICE]

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        self.spoken.append(text)
        self.prosodies.append(prosody)
        self.pronounced.update(pronunciations)
        self.is_asked.set()
        try:
            await self.may_speak.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return hum(text)

    async def close(self) -> None:
        self.is_open = False


def hum(text: str) -> Utterance:
    """What the engine makes of `text`."""
    phonemes = [Phoneme("", "sil", 0.0, EDGE_S)]
    words: list[Word] = []
    for start, end in word_ranges(text):
        begin_s = phonemes[-1].end_s
        end_s = begin_s + LETTER_S * (end - start)
        words.append(Word(text[start:end], begin_s, end_s, start, end))
        phonemes.append(Phoneme("ʌ", "ah", begin_s, end_s))
    last_s = phonemes[-1].end_s
    phonemes.append(Phoneme("", "sil", last_s, last_s + EDGE_S))
    times_s = np.arange(round((last_s + EDGE_S) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone = LEVEL * np.sin(2 * np.pi * TONE_HZ * times_s) * ((times_s >= EDGE_S) & (times_s < last_s))
    return Utterance(tone.astype(np.float32), SAMPLE_RATE_HZ, Timing(tuple(phonemes), tuple(words)))
