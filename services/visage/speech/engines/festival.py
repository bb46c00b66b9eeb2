"""The festival engine: an American English voice made by statistical synthesis (HTS), in child processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.phones import VOWELS
from visage.runtime.errors import ModelUnavailable
from visage.speech.engines.cmu_labels import Spelling, phonemes_of_segments
from visage.speech.engines.festival_install import festival_command, festival_environment
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.ports import NO_PRONUNCIATIONS
from visage.speech.prosody import Prosody, semitones_to_factor
from visage.speech.psola import change_pitch_and_duration
from visage.speech.utterance import Timing, Utterance
from visage.speech.voices import Gender, Tier, Voice

# EST-2003 is the name that Debian gives to CMU's and Edinburgh's permissive licence; SPDX calls it MIT-Festival.
_LICENSE: Final = "MIT-Festival AND BSD-3-Clause"
_SAMPLE_RATE_HZ: Final = 32_000
_GAIN_DB: Final = 3.1
_LABEL_LEAD_S: Final = 0.015
# Each of a phone's five states lasts 5 ms at least; beyond this rate the finished sound is compressed.
_FASTEST: Final = 2.0


class FestivalEngine:
    """Implements `visage.speech.ports.SpeechEngine`."""

    name = "festival"

    def __init__(self, process_count: int, reply_limit_s: float, program_folder: Path | None) -> None:
        """Makes the engine; `program_folder` holds the program where the system has none."""
        self.pool = WorkerPool(
            self.name,
            "visage.speech.engines.festival_worker",
            process_count,
            reply_limit_s,
            festival_environment(program_folder),
            festival_command(program_folder),
        )

    async def open(self) -> Sequence[Voice]:
        """Starts a process; returns its voice, none if the program or the voice is absent."""
        greeting = await self.pool.greet_or_warn("python -m visage.speech.engines.festival_install")
        if greeting is None:
            return []
        return [
            Voice(
                name=f"voices/festival-{name}",
                display_name="SLT (festival, HTS)",
                languages=("en-US",),
                sample_rate_hz=_SAMPLE_RATE_HZ,
                tier=Tier.STANDARD,
                gender=Gender.FEMALE,
                license=_LICENSE,
                engine=self.name,
                engine_voice=name,
                pitch_reach=0.0,
                rank=20,
            )
            for name in greeting["voices"]
        ]

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause; letters beyond Latin are left out."""
        spelling = Spelling(text, pronunciations)
        words = {word: _syllables(phones) for word, phones in spelling.new_words.items()}
        rate = min(prosody.rate, _FASTEST)
        answer, payload = await self.pool.ask({"text": spelling.text, "rate": rate, "words": words})
        if "refused" in answer:
            raise ModelUnavailable(self.name, answer["refused"])
        rate_hz = answer["sample_rate_hz"]
        samples = pcm.to_float32(np.frombuffer(payload, "<i2")) * np.float32(pcm.decibels_to_gain(_GAIN_DB))
        factor = semitones_to_factor(prosody.pitch_semitones)
        phonemes = phonemes_of_segments(answer["segments"], _LABEL_LEAD_S, len(samples) / rate_hz)
        timing = Timing(phonemes, spelling.words(answer["words"], _LABEL_LEAD_S)).scaled(rate / prosody.rate)
        stretch = rate / prosody.rate
        if (factor, stretch) != (1.0, 1.0):
            samples = await asyncio.to_thread(change_pitch_and_duration, samples, rate_hz, factor, stretch)
        return Utterance(samples, rate_hz, timing)

    async def close(self) -> None:
        """Ends the processes."""
        await self.pool.close()


def _syllables(phones: Sequence[tuple[str, int]]) -> str:
    """Phones as festival's lexicon writes them, (((t ax) 0) ((m aa) 1)): each syllable ends with its vowel."""
    syllables: list[tuple[list[str], int]] = []
    onset: list[str] = []
    for phone, stress in phones:
        onset.append(phone)
        if phone in VOWELS:
            syllables.append((onset, stress))
            onset = []
    if syllables:
        syllables[-1][0].extend(onset)
    else:
        syllables = [(onset, 0)]
    return "(" + " ".join(f"(({' '.join(names)}) {min(stress, 1)})" for names, stress in syllables) + ")"
