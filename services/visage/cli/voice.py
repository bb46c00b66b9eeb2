"""`visage voice …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from visage.cli import console
from visage.cli.mesh import connect
from visage.client import Voice

app = typer.Typer(help="Make, list and delete voices cloned from samples.", no_args_is_help=True)
NEEDED = ("speech",)


def _table(voices: list[Voice]) -> Table:
    rows = Table("voice", "name", "base", "similarity", "unconverted", "ceiling", "strength", "consent")
    for voice in voices:
        clone = voice.clone
        if clone is not None:
            figures = [f"{value:.2f}" for value in (clone.similarity, clone.base_similarity, clone.ceiling)]
            rows.add_row(
                voice.name,
                voice.display_name,
                clone.base_voice,
                *figures,
                f"{clone.strength:g}",
                clone.consent_reference,
            )
    return rows


@app.command()
def create(
    sample: Annotated[Path, typer.Argument(help="WAV, FLAC, Ogg or MP3 with 5-60 s of one person's speech.")],
    consent: Annotated[str, typer.Option(help="Reference of the record by which the speaker agreed.")],
    voice_id: Annotated[str, typer.Option("--id", help="Last part of the name; chosen when empty.")] = "",
    display_name: Annotated[str, typer.Option(help="For people.")] = "",
    language: Annotated[str, typer.Option(help="BCP-47 code of what it should speak; default: en-US.")] = "",
    base: Annotated[str, typer.Option(help="Installed voice to convert; default: the nearest.")] = "",
    strength: Annotated[
        float | None, typer.Option(help="How far to convert, 0-1; default: as far as it stays intelligible.")
    ] = None,
) -> None:
    """Make a voice that sounds like a sample."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            with console.progress("creating", 100) as update:
                voice = await visage.voices.create(
                    sample,
                    consent_reference=consent,
                    voice_id=voice_id,
                    display_name=display_name,
                    language_code=language,
                    base_voice=base,
                    strength=strength,
                    progress=update,
                )
        console.show(voice, lambda: _table([voice]))

    console.run(work())


@app.command("list")
def list_voices() -> None:
    """List the cloned voices; `visage voices` lists all."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            found = await visage.voices.list()
        console.show(found, lambda: _table(found))

    console.run(work())


@app.command()
def delete(name: Annotated[str, typer.Argument(help="Voice's name or id.")]) -> None:
    """Delete a cloned voice and everything derived from its sample."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            await visage.voices.delete(name)
        console.show({"deleted": name}, lambda: f"deleted {name}")

    console.run(work())
