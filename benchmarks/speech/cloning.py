"""How near cloned voices come, and what that costs: `python -m benchmarks.speech.cloning`.

Similarities are cosines of the speaker encoder on sentences that took no part in the creation, against the sample and,
where there is another recording of the same person, against that one, too.
"""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from benchmarks.speech.alignment import fixtures
from benchmarks.speech.sentences import HARVARD
from benchmarks.speech.word_errors import Recogniser
from visage.client import AsyncVisage, synthesis_options
from visage.client.embedded import EmbeddedMesh
from visage.media.pcm import FloatPcm
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.speech.analysis_ports import FloatArray, SpeechModels
from visage.speech.inference import TritonSpeechModels
from visage.speech.speaker_embedding import embed_speech
from visage.speech.voice_activity import find_speech

RATE_HZ = 16_000
DEADLINE_S = 10.0
# Sample, and another recording of the same person in another mood.
TARGETS = {"Claire_neutral": "Claire_anger", "Mark_joy": ""}


@dataclass(frozen=True, slots=True)
class CloningRow:
    """One sample; nan where something was not measured."""

    sample: str
    base_voice: str
    strength: float
    raw: float
    converted: float
    ceiling: float
    raw_held_out: float
    converted_held_out: float
    base_word_errors: float
    converted_word_errors: float

    @property
    def word_error_ratio(self) -> float:
        """Converted over base voice."""
        return self.converted_word_errors / self.base_word_errors


async def cloning_rows(
    visage: AsyncVisage, models: SpeechModels, speech_folder: Path, sentences: Sequence[str] = HARVARD
) -> list[CloningRow]:
    """One row for each sample; the voices are deleted again. Word errors need pocketsphinx."""
    try:
        recogniser: Recogniser | None = Recogniser()
    except ImportError:
        recogniser = None
    rows = []
    for sample, other in TARGETS.items():
        voice = await visage.voices.create(speech_folder / f"{sample}.wav", consent_reference="benchmark")
        assert voice.clone is not None
        base = await _spoken(visage, voice.clone.base_voice, sentences)
        converted = await _spoken(visage, voice.name, sentences)
        await visage.voices.delete(voice.name)
        target = await _embedding([_recording(speech_folder / f"{sample}.wav")], models)
        held_out = await _embedding([_recording(speech_folder / f"{other}.wav")], models) if other else None
        voices = [await _embedding(recordings, models) for recordings in (base, converted)]
        errors = [
            recogniser.error_rate(sentences, recordings) if recogniser else math.nan for recordings in (base, converted)
        ]
        raw, near = (float(embedding @ target) for embedding in voices)
        others = [float(embedding @ held_out) if held_out is not None else math.nan for embedding in voices]
        rows.append(
            CloningRow(
                sample, voice.clone.base_voice, voice.clone.strength, raw, near, voice.clone.ceiling, *others, *errors
            )
        )
    return rows


async def _spoken(visage: AsyncVisage, voice: str, sentences: Sequence[str]) -> list[FloatPcm]:
    options = synthesis_options(voice, sample_rate_hz=RATE_HZ)
    recordings = []
    for sentence in sentences:
        said = await visage.speech.say(sentence, options)
        recordings.append(np.asarray(soundfile.read(io.BytesIO(said.audio), dtype="float32")[0]))
    return recordings


def _recording(path: Path) -> FloatPcm:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == RATE_HZ
    return np.asarray(samples)


async def _embedding(recordings: Sequence[FloatPcm], models: SpeechModels) -> FloatArray:
    whole = np.concatenate(recordings)
    activity = await find_speech(whole, models, DEADLINE_S)
    return (await embed_speech(whole[activity.around_speech()], models, DEADLINE_S)).embedding


def table(rows: Sequence[CloningRow]) -> Table:
    """The rows for people."""
    shown = Table(
        "sample", "base voice", "strength", "raw", "converted", "ceiling", "other recording", "word errors", "ratio"
    )
    for row in rows:
        shown.add_row(
            row.sample,
            row.base_voice,
            f"{row.strength:g}",
            f"{row.raw:.3f}",
            f"{row.converted:.3f}",
            f"{row.ceiling:.3f}",
            "" if math.isnan(row.raw_held_out) else f"{row.raw_held_out:.3f} → {row.converted_held_out:.3f}",
            "" if math.isnan(row.base_word_errors) else f"{row.base_word_errors:.3f} → {row.converted_word_errors:.3f}",
            "" if math.isnan(row.base_word_errors) else f"{row.word_error_ratio:.2f}",
        )
    return shown


async def main() -> None:
    """Starts a mesh, measures, prints the table."""
    folder = fixtures()
    if folder is None:
        print("no recordings of people here; set VISAGE_FIXTURES to their folder")
        return
    async with (
        EmbeddedMesh() as mesh,
        AsyncVisage(mesh.settings) as visage,
        TritonClient(TritonClientSettings(url=mesh.triton_url)) as client,
    ):
        rows = await cloning_rows(visage, TritonSpeechModels(client), folder)
    Console(width=140).print(table(rows))


if __name__ == "__main__":
    asyncio.run(main())
