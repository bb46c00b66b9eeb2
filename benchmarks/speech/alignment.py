"""How far AlignSpeech's boundaries lie from where they are: `python -m benchmarks.speech.alignment`.

Synthetic voices tell their own times exactly. For people there is no truth: the figure is how far two aligners, of
which the other is pocketsphinx, are apart.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.speech.sentences import HARVARD
from visage.client import AsyncVisage, Span, synthesis_options
from visage.client.embedded import EmbeddedMesh

VOICES = ("festival-slt-hts", "flite-rms", "flite-awb", "flite-slt", "flite-kal16", "espeak-en-us")


@dataclass(frozen=True, slots=True)
class AlignmentRow:
    """Errors of boundaries in milliseconds; `compared` of `boundaries` were found in both.

    Boundaries are compared where both have the same phones in the same order, as words are everywhere.
    """

    source: str
    reference: str
    compared: int
    mean_ms: float
    median_ms: float
    within_20_ms: float
    within_50_ms: float
    words_mean_ms: float
    confidence: float


async def synthetic_rows(visage: AsyncVisage, sentences: Sequence[str] = HARVARD[:10]) -> list[AlignmentRow]:
    """One row for each installed voice, against its own times."""
    installed = {voice.name for voice in await visage.speech.voices("en")}
    rows = []
    for name in VOICES:
        if f"voices/{name}" not in installed:
            continue
        phones: list[float] = []
        words: list[float] = []
        confidences = []
        for sentence in sentences:
            said = await visage.speech.say(sentence, synthesis_options(name))
            found = await visage.voices.align(said.audio, sentence)
            phones += phone_errors(found.timing.phonemes, said.timing.phonemes)
            words += [f.start_s - s.start_s for f, s in zip(found.timing.words, said.timing.words, strict=True)]
            confidences.append(found.confidence)
        rows.append(_row(name, "its own times", phones, words, confidences))
    return rows


async def human_rows(visage: AsyncVisage, speech_folder: Path) -> list[AlignmentRow]:
    """One row for each recording of a person whose words are known; none where pocketsphinx is not installed."""
    try:
        import pocketsphinx  # noqa: F401
    except ImportError:
        return []
    from models.lip_sync.alignment import TRANSCRIPTS, align, read_recording
    from visage.media.phones import ipa_of

    rows = []
    for name, transcript in TRANSCRIPTS.items():
        path = speech_folder / f"{name}.wav"
        found = await visage.voices.align(path, transcript)
        other = [Span(ipa_of(p.phone), p.start_s, p.end_s) for p in align(read_recording(path), transcript)]
        errors = nearest_errors(found.timing.phonemes, other)
        rows.append(_row(name, "pocketsphinx", errors, [], [found.confidence]))
    return rows


def phone_errors(found: Sequence[Span], reference: Sequence[Span]) -> list[float]:
    """Seconds between the starts of the phones that both have in the same places; empty if they differ in number."""
    ours, theirs = _sounding(found), _sounding(reference)
    if len(ours) != len(theirs):
        return []
    return [
        a.start_s - b.start_s for a, b in zip(ours, theirs, strict=True) if a.text.strip("ˈˌ") == b.text.strip("ˈˌ")
    ]


def nearest_errors(found: Sequence[Span], reference: Sequence[Span]) -> list[float]:
    """Seconds from each of the reference's starts to the nearest start of the same phone, where one is within 0.2 s."""
    ours = _sounding(found)
    errors = []
    for span in _sounding(reference):
        near = [o.start_s - span.start_s for o in ours if o.text.strip("ˈˌ") == span.text]
        near = [error for error in near if abs(error) < 0.2]
        if near:
            errors.append(min(near, key=abs))
    return errors


def _sounding(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if span.text]


def _row(
    source: str, reference: str, phones: Sequence[float], words: Sequence[float], confidences: Sequence[float]
) -> AlignmentRow:
    errors_ms = np.abs(np.array(phones)) * 1e3 if phones else np.array([np.nan])
    return AlignmentRow(
        source,
        reference,
        len(phones),
        float(errors_ms.mean()),
        float(np.median(errors_ms)),
        float((errors_ms <= 20).mean()),
        float((errors_ms <= 50).mean()),
        float(np.abs(words).mean() * 1e3) if words else float("nan"),
        float(np.mean(confidences)),
    )


def table(rows: Sequence[AlignmentRow]) -> Table:
    """The rows for people."""
    shown = Table(
        "recording", "against", "boundaries", "mean ms", "median ms", "≤ 20 ms", "≤ 50 ms", "words ms", "confidence"
    )
    for row in rows:
        shown.add_row(
            row.source,
            row.reference,
            str(row.compared),
            f"{row.mean_ms:.1f}",
            f"{row.median_ms:.1f}",
            f"{row.within_20_ms:.0%}",
            f"{row.within_50_ms:.0%}",
            "" if np.isnan(row.words_mean_ms) else f"{row.words_mean_ms:.1f}",
            f"{row.confidence:.2f}",
        )
    return shown


def fixtures() -> Path | None:
    """Folder of recordings of people, where it is there."""
    folder = Path(os.environ.get("VISAGE_FIXTURES", "../shared/fixtures")) / "speech"
    return folder if folder.is_dir() else None


async def main() -> None:
    """Starts a mesh, measures, prints the table."""
    async with EmbeddedMesh() as mesh, AsyncVisage(mesh.settings) as visage:
        rows = await synthetic_rows(visage)
        folder = fixtures()
        if folder is not None:
            rows += await human_rows(visage, folder)
    Console(width=140).print(table(rows))


if __name__ == "__main__":
    asyncio.run(main())
