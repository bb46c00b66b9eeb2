"""Speech with a known style: every English voice at hand reads Harvard sentences in each style, at 16 kHz."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.speech.sentences import HARVARD
from benchmarks.speech.voices import Bench
from visage.media.pcm import FloatPcm
from visage.speech.narrator import Delivery, Narrator
from visage.speech.ports import SpeechEngine
from visage.speech.script import Script
from visage.speech.ssml.speakers import Speakers
from visage.speech.styles import STYLES
from visage.speech.voices import Voice, VoiceCatalogue

RATE_HZ: Final = 16_000
HELD_OUT: Final = ("festival-slt-hts", "flite-awb")
"""Voices that nothing is fitted to: another engine, and another accent."""
VOICES: Final = (
    "flite-rms",
    "flite-awb",
    "flite-slt",
    "flite-kal16",
    "festival-slt-hts",
    "espeak-en-us",
    "espeak-en-gb",
)
_SENTENCES_PER_CLIP: Final = 4


@dataclass(frozen=True, eq=False)
class StyledClip:
    """About ten seconds: voice and style by name, samples float32 at 16 kHz."""

    voice: str
    style: str
    samples: FloatPcm


async def styled_clips(
    styles: Sequence[str], clips_per_voice: int, chosen: Sequence[str] = VOICES
) -> AsyncIterator[StyledClip]:
    """Yields clips of the chosen voices in all styles; voices that are not installed are left out."""
    bench = Bench()
    voices = {
        voice.name.removeprefix("voices/"): voice for engine in bench.engines.values() for voice in await engine.open()
    }
    catalogue = VoiceCatalogue(list(voices.values()))
    try:
        for name in chosen:
            if name not in voices:
                continue
            for style in styles:
                for number in range(clips_per_voice):
                    start = number * _SENTENCES_PER_CLIP
                    text = " ".join(HARVARD[(start + offset) % len(HARVARD)] for offset in range(_SENTENCES_PER_CLIP))
                    yield StyledClip(name, style, await _say(bench.engines, voices[name], catalogue, style, text))
    finally:
        for engine in bench.engines.values():
            await engine.close()


async def _say(
    engines: Mapping[str, SpeechEngine], voice: Voice, catalogue: VoiceCatalogue, style: str, text: str
) -> FloatPcm:
    narrator = Narrator(engines, Delivery(voice, RATE_HZ, STYLES[style]))
    script = Script(Speakers(catalogue, voice, is_chosen=True))
    passages = [await narrator.speak(line) for line in [*script.text(text), *script.flush()]]
    return np.concatenate([*(p.samples for p in passages if p is not None), narrator.finish().samples])
