"""The flite engine: American English voices made from recorded speakers, in child processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.phones import VOWELS
from visage.runtime.errors import ModelUnavailable
from visage.speech.engines.cmu_labels import Spelling, phonemes_of_segments
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.ports import NO_PRONUNCIATIONS
from visage.speech.prosody import Prosody, semitones_to_factor
from visage.speech.psola import change_pitch_and_duration
from visage.speech.utterance import Timing, Utterance
from visage.speech.voices import Gender, Tier, Voice

_LICENSE: Final = "MIT-Festival"


@dataclass(frozen=True, slots=True)
class _VoiceTraits:
    """What differs between the voices.

    Attributes:
        display_name: For people.
        languages: BCP-47.
        gender: As perceived.
        rank: Its place among the voices, most natural first.
        gain_db: Brings its speech to -20 dB relative to full scale; measured.
        label_lead_s: How far its labels run ahead of its sound; measured.
        stretch: Its own duration stretch.
        pitch_reach: Semitones by which the engine moves its pitch well; the rest is done to the finished sound.
    """

    display_name: str
    languages: tuple[str, ...]
    gender: Gender
    rank: int
    gain_db: float
    label_lead_s: float
    stretch: float = 1.0
    pitch_reach: float = 7.0


_TRAITS: Final = {
    "rms": _VoiceTraits("RMS (flite)", ("en-US",), Gender.MALE, 10, 1.3, 0.005, pitch_reach=0.0),
    "awb": _VoiceTraits("AWB, Scottish (flite)", ("en-US", "en-GB"), Gender.MALE, 30, -0.6, 0.003),
    "slt": _VoiceTraits("SLT (flite)", ("en-US",), Gender.FEMALE, 40, -4.2, 0.012),
    "kal16": _VoiceTraits("KAL (flite, diphones)", ("en-US",), Gender.MALE, 50, 7.3, 0.005, 1.1),
}
_SAMPLE_RATE_HZ: Final = 16_000


class FliteEngine:
    """Implements `visage.speech.ports.SpeechEngine`."""

    name = "flite"

    def __init__(self, process_count: int, reply_limit_s: float, library_folder: Path | None) -> None:
        """Makes the engine; `library_folder` holds the libraries where the system has none."""
        paths = [str(library_folder or ""), os.environ.get("LD_LIBRARY_PATH", "")]
        environment = {"LD_LIBRARY_PATH": ":".join(filter(None, paths))} if library_folder else {}
        self.pool = WorkerPool(
            self.name, "visage.speech.engines.flite_worker", process_count, reply_limit_s, environment
        )

    async def open(self) -> Sequence[Voice]:
        """Starts a process; returns the voices that are installed, none if the library is absent."""
        greeting = await self.pool.greet_or_warn("python -m visage.speech.engines.flite_install")
        if greeting is None:
            return []
        return [_voice(name, _TRAITS[name]) for name in greeting["voices"]]

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause; letters beyond Latin are left out."""
        spelling = Spelling(text, pronunciations)
        traits = _TRAITS[voice.engine_voice]
        reached = min(max(prosody.pitch_semitones, -traits.pitch_reach), traits.pitch_reach)
        answer, payload = await self.pool.ask(
            {
                "text": spelling.text,
                "voice": voice.engine_voice,
                "stretch": traits.stretch / prosody.rate,
                "pitch_factor": semitones_to_factor(reached),
                "words": {
                    word: [f"{phone}{stress}" if phone in VOWELS else phone for phone, stress in phones]
                    for word, phones in spelling.new_words.items()
                },
            }
        )
        if "refused" in answer:
            raise ModelUnavailable(self.name, answer["refused"])
        samples = pcm.to_float32(np.frombuffer(payload, np.int16))
        samples = samples * np.float32(pcm.decibels_to_gain(traits.gain_db))
        rest = semitones_to_factor(prosody.pitch_semitones - reached)
        if rest != 1.0:
            samples = await asyncio.to_thread(change_pitch_and_duration, samples, answer["sample_rate_hz"], rest, 1.0)
        duration_s = len(samples) / answer["sample_rate_hz"]
        phonemes = phonemes_of_segments(answer["segments"], traits.label_lead_s, duration_s)
        words = spelling.words(answer["words"], traits.label_lead_s)
        return Utterance(samples, answer["sample_rate_hz"], Timing(phonemes, words))

    async def close(self) -> None:
        """Ends the processes."""
        await self.pool.close()


def _voice(name: str, traits: _VoiceTraits) -> Voice:
    return Voice(
        name=f"voices/flite-{name}",
        display_name=traits.display_name,
        languages=traits.languages,
        sample_rate_hz=_SAMPLE_RATE_HZ,
        tier=Tier.STANDARD,
        gender=traits.gender,
        license=_LICENSE,
        engine=FliteEngine.name,
        engine_voice=name,
        pitch_reach=traits.pitch_reach,
        rank=traits.rank,
    )
