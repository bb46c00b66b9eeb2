"""The flite engine: American English voices made from recorded speakers, in child processes."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from visage.media import pcm
from visage.media.phone_timing import phones_from_segments
from visage.media.phones import VOWELS, ipa_of
from visage.runtime import logs
from visage.runtime.errors import ModelUnavailable
from visage.speech.engines.ascii_text import to_ascii
from visage.speech.engines.framing import Message
from visage.speech.engines.worker_pool import WorkerPool
from visage.speech.ports import NO_PRONUNCIATIONS
from visage.speech.prosody import Prosody, semitones_to_factor
from visage.speech.psola import change_pitch_and_duration
from visage.speech.utterance import Phoneme, Timing, Utterance, Word
from visage.speech.voices import Gender, Tier, Voice
from visage.speech.word_ranges import word_ranges

_log = logs.get(__name__)
_LICENSE: Final = "MIT-Festival"


@dataclass(frozen=True, slots=True)
class _VoiceTraits:
    """What differs between the voices.

    Attributes:
        display_name: For people.
        languages: BCP-47.
        gender: As perceived.
        gain_db: Brings its speech to -20 dB relative to full scale; measured.
        label_lead_s: How far its labels run ahead of its sound; measured.
        stretch: Its own duration stretch.
        pitch_reach: Semitones by which the engine moves its pitch well; the rest is done to the finished sound.
    """

    display_name: str
    languages: tuple[str, ...]
    gender: Gender
    gain_db: float
    label_lead_s: float
    stretch: float = 1.0
    pitch_reach: float = 7.0


_TRAITS: Final = {
    "rms": _VoiceTraits("RMS (flite)", ("en-US",), Gender.MALE, 1.3, 0.005, pitch_reach=0.0),
    "awb": _VoiceTraits("AWB, Scottish (flite)", ("en-US", "en-GB"), Gender.MALE, -0.6, 0.003),
    "slt": _VoiceTraits("SLT (flite)", ("en-US",), Gender.FEMALE, -4.2, 0.012),
    "kal16": _VoiceTraits("KAL (flite, diphones)", ("en-US",), Gender.MALE, 7.3, 0.005, 1.1),
}
_SAMPLE_RATE_HZ: Final = 16_000
_STRESS_MARK: Final = "ˈ"


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
        try:
            greeting = await self.pool.greet()
        except ModelUnavailable as error:
            greeting = {"missing": error.message}
        if "missing" in greeting:
            _log.warning(
                "flite_is_absent",
                cause=greeting["missing"],
                remedy="python -m visage.speech.engines.flite_install",
            )
            return []
        return [_voice(name, _TRAITS[name]) for name in greeting["voices"]]

    async def speak(
        self, text: str, voice: Voice, prosody: Prosody, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS
    ) -> Utterance:
        """Speaks one clause; letters beyond Latin are left out."""
        ascii_text, origins = to_ascii(text)
        traits = _TRAITS[voice.engine_voice]
        reached = min(max(prosody.pitch_semitones, -traits.pitch_reach), traits.pitch_reach)
        answer, payload = await self.pool.ask(
            {
                "text": ascii_text,
                "voice": voice.engine_voice,
                "stretch": traits.stretch / prosody.rate,
                "pitch_factor": semitones_to_factor(reached),
            }
        )
        if "refused" in answer:
            raise ModelUnavailable(self.name, answer["refused"])
        samples = pcm.to_float32(np.frombuffer(payload, np.int16))
        samples = samples * np.float32(pcm.decibels_to_gain(traits.gain_db))
        rest = semitones_to_factor(prosody.pitch_semitones - reached)
        samples = await asyncio.to_thread(change_pitch_and_duration, samples, answer["sample_rate_hz"], rest, 1.0)
        duration_s = len(samples) / answer["sample_rate_hz"]
        phonemes = _phonemes(answer["segments"], traits.label_lead_s, duration_s)
        words = _words(answer, ascii_text, origins, text, traits.label_lead_s)
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
    )


def _phonemes(segments: list[tuple[str, float, bool]], lead_s: float, duration_s: float) -> tuple[Phoneme, ...]:
    starts_s = [0.0, *(end_s for _, end_s, _ in segments)]
    timed = phones_from_segments(
        [(symbol, start_s, end_s) for (symbol, end_s, _), start_s in zip(segments, starts_s, strict=False)],
        offset_s=lead_s,
    )
    stressed_ends_s = {end_s + lead_s for _, end_s, is_stressed in segments if is_stressed}
    phonemes = []
    for index, phone in enumerate(timed):
        # The pause before the first word begins with the sound; the last label may run past it.
        start_s = 0.0 if index == 0 else min(phone.start_s, duration_s)
        mark = _STRESS_MARK if phone.phone in VOWELS and phone.end_s in stressed_ends_s else ""
        phonemes.append(Phoneme(mark + ipa_of(phone.phone), phone.phone, start_s, min(phone.end_s, duration_s)))
    return tuple(phonemes)


def _words(answer: Message, ascii_text: str, origins: list[int], text: str, lead_s: float) -> tuple[Word, ...]:
    """Words by position: a token lies behind the last start that is before the position just behind the token."""
    ranges = word_ranges(ascii_text)
    starts = [start for start, _ in ranges]
    words: list[Word] = []
    for position, start_s, end_s in answer["words"]:
        index = bisect_left(starts, position) - 1
        if index < 0:
            continue
        start, end = origins[ranges[index][0]], origins[ranges[index][1] - 1] + 1
        begin_s = start_s + lead_s
        if words and words[-1].text_start == start:
            begin_s = words.pop().start_s
        words.append(Word(text[start:end], begin_s, end_s + lead_s, start, end))
    return tuple(words)
