"""`visage speak` and `visage voices`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from visage.cli import console
from visage.cli.mesh import connect
from visage.client import AsyncVisage, synthesis_options

ENCODINGS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG_OPUS", ".opus": "OGG_OPUS"}


def speak(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="WAV, FLAC or OGG file to write.")],
    voice: Annotated[str, typer.Option(help="Voice; see `visage voices`.")] = "",
    language: Annotated[str, typer.Option(help="BCP-47 code; default: the voice's own.")] = "",
    rate: Annotated[float | None, typer.Option(help="Speaking rate, 0.25-4.")] = None,
    pitch: Annotated[float | None, typer.Option(help="Semitones, -12 to 12.")] = None,
    timing: Annotated[Path | None, typer.Option(help="JSON file for words, phonemes and visemes.")] = None,
    clone: Annotated[Path | None, typer.Option(help="Sample of the voice to speak with, made for this call.")] = None,
    consent: Annotated[str, typer.Option(help="With --clone: reference of the speaker's consent.")] = "",
) -> None:
    """Say a text into an audio file."""
    if clone is not None and (voice or not consent):
        raise typer.BadParameter("--clone needs --consent, and no --voice")
    if output.suffix.lower() not in ENCODINGS:
        raise typer.BadParameter(f"cannot write {output.suffix or 'a file without suffix'}: use .wav, .flac or .ogg")
    console.run(_speak(text, output, voice, language, rate, pitch, timing, clone, consent))


async def _speak(
    text: str,
    output: Path,
    voice: str,
    language: str,
    rate: float | None,
    pitch: float | None,
    timing: Path | None,
    clone: Path | None,
    consent: str,
) -> None:
    encoding = ENCODINGS[output.suffix.lower()]
    async with connect(("speech",)) as visage, voice_for_call(visage, voice, clone, consent) as name:
        speech = await visage.speech.say(text, synthesis_options(name, language, rate, pitch, encoding=encoding))
    output.write_bytes(speech.audio)
    if timing is not None:
        timing.write_text(json.dumps(asdict(speech.timing), ensure_ascii=False, indent=1))
    console.show(
        {"path": str(output), "voice": speech.voice, "sample_rate_hz": speech.sample_rate_hz},
        lambda: f"{output}: {speech.voice}, {speech.sample_rate_hz} Hz",
    )


@asynccontextmanager
async def voice_for_call(visage: AsyncVisage, voice: str, sample: Path | None, consent: str) -> AsyncIterator[str]:
    """Yields the voice to speak with; one that is cloned from a sample is deleted afterwards."""
    if sample is None:
        yield voice
        return
    with console.progress("cloning", 100) as update:
        cloned = await visage.voices.create(sample, consent_reference=consent, progress=update)
    try:
        yield cloned.name
    finally:
        await visage.voices.delete(cloned.name, allow_missing=True)


def voices(
    language: Annotated[str, typer.Option(help="BCP-47 prefix, such as en or en-GB.")] = "",
) -> None:
    """List the voices that are installed, most natural first."""
    console.run(_voices(language))


async def _voices(language: str) -> None:
    async with connect(("speech",)) as visage:
        found = await visage.speech.voices(language)

    def table() -> Table:
        rows = Table("voice", "name", "languages", "rate", "tier", "licence")
        for voice in found:
            languages = ", ".join(voice.language_codes)
            rows.add_row(
                voice.name,
                voice.display_name,
                languages,
                str(voice.sample_rate_hz),
                voice.tier,
                voice.license,
            )
        return rows

    console.show(found, table)
