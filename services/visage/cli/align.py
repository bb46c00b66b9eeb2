"""`visage align`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from visage.cli import console
from visage.cli.mesh import connect
from visage.client import Alignment


def align(
    audio: Annotated[Path, typer.Argument(help="WAV, FLAC, Ogg or MP3 with up to 120 s of speech.")],
    transcript: Annotated[str, typer.Option(help="What is said; without it, phones are recognised.")] = "",
    language: Annotated[str, typer.Option(help="BCP-47 code of the transcript; default: en-US.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the timing.")] = None,
) -> None:
    """Say when each word and phoneme of a recording is spoken."""

    async def work() -> None:
        async with connect(("speech",)) as visage:
            found = await visage.voices.align(audio, transcript, language)
        if output is not None:
            output.write_text(json.dumps(asdict(found), ensure_ascii=False, indent=1))
        console.show(asdict(found), lambda: _table(found))

    console.run(work())


def _table(found: Alignment) -> Table:
    """Words with what they agree by, or phones where there are no words."""
    rows = Table("start", "end", "word" if found.timing.words else "phone", "confidence")
    if found.timing.words:
        for word, confidence in zip(found.timing.words, found.word_confidences, strict=True):
            rows.add_row(f"{word.start_s:.2f}", f"{word.end_s:.2f}", word.text, f"{confidence:.2f}")
    else:
        for phone in found.timing.phonemes:
            rows.add_row(f"{phone.start_s:.2f}", f"{phone.end_s:.2f}", phone.text or "(pause)", "")
    return rows
