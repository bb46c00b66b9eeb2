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
from visage.v1.speech_service_pb2 import SynthesisOptions

ENCODINGS = {
    "wav": "WAV",
    "flac": "FLAC",
    "ogg": "OGG_OPUS",
    "opus": "OGG_OPUS",
    "linear16": "LINEAR16",
    "mulaw": "MULAW",
    "alaw": "ALAW",
}


def speak(
    text: Annotated[str, typer.Argument(help='What to say; "-" reads it from stdin.')],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .wav, .flac, .ogg, or see --format.")],
    voice: Annotated[str, typer.Option(help="Voice; see `visage voices`.")] = "",
    language: Annotated[str, typer.Option(help="BCP-47 code; default: the voice's own.")] = "",
    ssml: Annotated[bool, typer.Option("--ssml", help="The text is an SSML document.")] = False,
    style: Annotated[str, typer.Option(help="neutral, joy, anger, sadness, fear, surprise or calm.")] = "",
    rate: Annotated[float | None, typer.Option(help="Speaking rate, 0.25-4.")] = None,
    pitch: Annotated[float | None, typer.Option(help="Semitones, -12 to 12.")] = None,
    pitch_range: Annotated[float | None, typer.Option(help="Melody: 0 is a monotone, 1 the voice's own, to 3.")] = None,
    volume: Annotated[float | None, typer.Option(help="Gain in dB, -96 to 16.")] = None,
    audio_format: Annotated[
        str, typer.Option("--format", help=f"{', '.join(ENCODINGS)}; default: as the file's suffix says.")
    ] = "",
    rate_hz: Annotated[int, typer.Option(help="Sample rate, 8000-48000; default: the voice's own.")] = 0,
    timing: Annotated[Path | None, typer.Option(help="JSON file for words, phonemes, visemes and marks.")] = None,
    track: Annotated[bool, typer.Option("--track", help="Put F0, energy and rate every 10 ms into --timing.")] = False,
    clone: Annotated[Path | None, typer.Option(help="Sample of the voice to speak with, made for this call.")] = None,
    consent: Annotated[str, typer.Option(help="With --clone: reference of the speaker's consent.")] = "",
) -> None:
    """Say a text into an audio file."""
    if clone is not None and (voice or not consent):
        raise typer.BadParameter("--clone needs --consent, and no --voice")
    name = (audio_format or output.suffix.removeprefix(".")).lower()
    if name not in ENCODINGS:
        raise typer.BadParameter(f"cannot write {name or 'a file without suffix'}: use one of {', '.join(ENCODINGS)}")
    if track and timing is None:
        raise typer.BadParameter("--track needs --timing, the file that it goes into")
    if text == "-":
        text = typer.get_text_stream("stdin").read()
    options = synthesis_options(
        voice, language, rate, pitch, volume, ENCODINGS[name], rate_hz, style, pitch_range, include_prosody=track
    )
    console.run(_speak(text, ssml, output, timing, options, clone, consent))


async def _speak(
    text: str,
    ssml: bool,
    output: Path,
    timing: Path | None,
    options: SynthesisOptions,
    clone: Path | None,
    consent: str,
) -> None:
    async with connect(("speech",)) as visage, voice_for_call(visage, options.voice, clone, consent) as name:
        options.voice = name
        speech = await visage.speech.say(text, options, ssml=ssml)
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
        rows = Table("voice", "name", "languages", "rate", "tier", "gender", "licence")
        for voice in found:
            languages = ", ".join(voice.language_codes)
            rows.add_row(
                voice.name,
                voice.display_name,
                languages,
                str(voice.sample_rate_hz),
                voice.tier,
                voice.gender,
                voice.license,
            )
        return rows

    console.show(found, table)
