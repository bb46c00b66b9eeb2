"""What the English voices are worth: how clear, how fast, how exact in time. `python -m benchmarks.speech.voices`.

The synthesis path is the service's own, without gRPC. Speeds are processor time of the engine's processes and of this
one, so that other work on the machine does not count; the first sound is given in wall time, too. Medians of ten.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.speech.onsets import FRICATIVES, PLOSIVES, plosive_errors_s, vowel_errors_s
from benchmarks.speech.sentences import HARVARD
from benchmarks.speech.word_errors import RATE_HZ, Recogniser
from visage.media.pcm import FloatPcm
from visage.runtime.cache import cache_dir
from visage.speech.engines.espeak import EspeakEngine
from visage.speech.engines.festival import FestivalEngine
from visage.speech.engines.festival_install import FESTIVAL
from visage.speech.engines.flite import FliteEngine
from visage.speech.engines.flite_install import installed_folder
from visage.speech.narrator import Delivery, Narrator
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.script import Script
from visage.speech.ssml.speakers import Speakers
from visage.speech.stream_speech import Sound, stream_speech
from visage.speech.voices import Tier, Voice, VoiceCatalogue

BASIC: Final = ("voices/espeak-en-us", "voices/espeak-en-gb")
FIRST_CLAUSE: Final = "Good morning, how may I help you today? "
_FIRST_SOUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class VoiceRow:
    """One voice; word errors are nan where no recogniser is installed."""

    voice: Voice
    word_errors: float
    real_time_factor: float
    first_sound_s: float
    first_sound_processor_s: float
    plosive_error_s: float
    vowel_error_s: float

    @property
    def streams_per_core(self) -> int:
        """How many streams at the speed of speech one core keeps up with."""
        return int(1 / self.real_time_factor)


class Bench:
    """The engines, and what is measured with them."""

    def __init__(self) -> None:
        self.engines = {
            "flite": FliteEngine(1, 60.0, installed_folder(cache_dir())),
            "festival": FestivalEngine(1, 60.0, FESTIVAL.installed_folder(cache_dir())),
            "espeak": EspeakEngine(1, 60.0),
        }
        try:
            self._recogniser: Recogniser | None = Recogniser()
        except ImportError:
            self._recogniser = None

    async def rows(self) -> list[VoiceRow]:
        """Measures every English voice of the better tier and the basic ones."""
        voices = [voice for engine in self.engines.values() for voice in await engine.open()]
        catalogue = VoiceCatalogue(voices)
        english, _ = catalogue.page("en", 1000, "")
        chosen = [voice for voice in english if voice.tier is Tier.STANDARD or voice.name in BASIC]
        try:
            return [await self._row(voice, catalogue) for voice in chosen]
        finally:
            for engine in self.engines.values():
                await engine.close()

    async def _row(self, voice: Voice, catalogue: VoiceCatalogue) -> VoiceRow:
        engines: Mapping[str, SpeechEngine] = self.engines
        engine = engines[voice.engine]
        await self._say(voice, catalogue, "Warm up.")
        before_s = self._processor_s(voice)
        recordings = [await self._say(voice, catalogue, text) for text in HARVARD]
        spent_s = self._processor_s(voice) - before_s
        duration_s = sum(map(len, recordings)) / RATE_HZ
        word_errors = self._recogniser.error_rate(HARVARD, recordings) if self._recogniser else float("nan")
        first_s = [await self._first_sound_s(voice, catalogue) for _ in range(_FIRST_SOUNDS)]
        wall_s, processor_s = np.median(first_s, axis=0).tolist()
        plosives = plosive_errors_s(await engine.speak(PLOSIVES, voice, Prosody()))
        vowels = vowel_errors_s(await engine.speak(FRICATIVES, voice, Prosody()))
        return VoiceRow(
            voice,
            word_errors,
            spent_s / duration_s,
            wall_s,
            processor_s,
            float(np.median(np.abs(plosives))),
            float(np.median(np.abs(vowels))),
        )

    async def _say(self, voice: Voice, catalogue: VoiceCatalogue, text: str) -> FloatPcm:
        narrator = Narrator(self.engines, Delivery(voice, RATE_HZ, Prosody()))
        script = Script(Speakers(catalogue, voice, is_chosen=True))
        passages = [await narrator.speak(line) for line in [*script.text(text), *script.flush()]]
        return np.concatenate([*(p.samples for p in passages if p is not None), narrator.finish().samples])

    async def _first_sound_s(self, voice: Voice, catalogue: VoiceCatalogue) -> tuple[float, float]:
        """Wall and processor time from a complete clause to its first sound."""

        async def pieces() -> AsyncIterator[str]:
            yield FIRST_CLAUSE
            await asyncio.sleep(60)

        script = Script(Speakers(catalogue, voice, is_chosen=True))
        delivery = Delivery(voice, voice.sample_rate_hz, Prosody())
        before_s, started = self._processor_s(voice), time.perf_counter()
        async with aclosing(stream_speech(pieces(), script, delivery, self.engines)) as parts:
            async for part in parts:
                if isinstance(part, Sound):
                    break
        return time.perf_counter() - started, self._processor_s(voice) - before_s

    def _processor_s(self, voice: Voice) -> float:
        pool = self.engines[voice.engine].pool
        return time.process_time() + sum(map(_tree_processor_s, pool.pids))


def _tree_processor_s(pid: int) -> float:
    """Processor time of a process and of its children, such as festival behind its worker."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own_s + sum(_tree_processor_s(int(child)) for child in children)


def table(rows: Sequence[VoiceRow]) -> Table:
    """Returns the rows as a table."""
    found = Table(
        "voice", "gender", "word errors", "real-time factor", "streams per core", "first sound (processor)", "plosives",
        "vowels",
        title="English voices: Harvard sentences, processor time; median distance of phonemes' starts from the sound",
    )  # fmt: skip
    for row in rows:
        found.add_row(
            row.voice.name.removeprefix("voices/"),
            row.voice.gender.name.lower(),
            "not measured" if np.isnan(row.word_errors) else f"{row.word_errors:.2f}",
            f"{row.real_time_factor:.4f}",
            str(row.streams_per_core),
            f"{1000 * row.first_sound_s:.0f} ms ({1000 * row.first_sound_processor_s:.0f})",
            f"{1000 * row.plosive_error_s:.0f} ms",
            f"{1000 * row.vowel_error_s:.0f} ms",
        )
    return found


async def main() -> None:
    """Measures and prints the table."""
    rows = await Bench().rows()
    Console(width=140).print(table(rows))
    if any(np.isnan(row.word_errors) for row in rows):
        print("word errors need pocketsphinx, which `make bench-speech` installs")


if __name__ == "__main__":
    asyncio.run(main())
