"""`visage identity …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table

from visage.cli import console
from visage.cli.mesh import connect
from visage.client import Identity

app = typer.Typer(help="Create, list, inspect and delete identities; compare faces.", no_args_is_help=True)
NEEDED = ("identity",)


def _table(identities: list[Identity]) -> Table:
    rows = Table("name", "display name", "state", "labels")
    for item in identities:
        labels = ", ".join(f"{key}={value}" for key, value in item.labels.items())
        rows.add_row(item.name, item.display_name, item.state, labels)
    return rows


def _details(identity: Identity) -> Group:
    """The identity, and under it how well its photo served."""
    if identity.report is None:
        return Group(_table([identity]))
    rows = Table("photo", "score", "measured", title=f"photo {identity.report.score:.2f} of 1")
    for aspect, score in identity.report.scores.items():
        measured = ", ".join(
            f"{name.partition('.')[2]} {value:.3g}"
            for name, value in identity.report.measures.items()
            if name.startswith(f"{aspect}.")
        )
        rows.add_row(aspect, f"{score:.2f}", measured)
    warnings = [f"[yellow]warning:[/yellow] {warning.message}" for warning in identity.report.warnings]
    return Group(_table([identity]), rows, *warnings)


def _full_name(name: str) -> str:
    return name if name.startswith("identities/") else f"identities/{name}"


@app.command()
def create(
    photo: Annotated[Path, typer.Argument(help="PNG, JPEG or WebP with one face.")],
    identity_id: Annotated[str, typer.Option("--id", help="Last part of the name; chosen when empty.")] = "",
    display_name: Annotated[str, typer.Option(help="For people.")] = "",
    consent: Annotated[str, typer.Option(help="Reference of the consent record.")] = "",
) -> None:
    """Build an identity from a photo."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            with console.progress("creating", 100) as update:
                identity = await visage.identities.create(
                    photo,
                    identity_id=identity_id,
                    display_name=display_name,
                    consent_reference=consent,
                    progress=update,
                )
        console.show(identity, lambda: _details(identity))

    console.run(work())


@app.command("list")
def list_identities() -> None:
    """List identities, newest first."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            found = [identity async for identity in visage.identities.list()]
        console.show(found, lambda: _table(found))

    console.run(work())


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Identity's name or id.")],
    preview: Annotated[Path | None, typer.Option(help="PNG file for the avatar at rest.")] = None,
) -> None:
    """Show one identity."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            identity = await visage.identities.get(_full_name(name))
            if preview is not None:
                await visage.assets.download(identity.preview_asset, preview)
        console.show(identity, lambda: _details(identity))

    console.run(work())


@app.command()
def delete(name: Annotated[str, typer.Argument(help="Identity's name or id.")]) -> None:
    """Delete an identity and everything derived from it."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            await visage.identities.delete(_full_name(name))
        console.show({"deleted": _full_name(name)}, lambda: f"deleted {_full_name(name)}")

    console.run(work())


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A photo's path or identities/…")],
    second: Annotated[str, typer.Argument(help="A photo's path or identities/…")],
) -> None:
    """Say how alike two faces are."""

    async def work() -> None:
        async with connect(NEEDED) as visage:
            similarity, same = await visage.identities.compare(first, second)
        console.show(
            {"similarity": similarity, "same_person": same},
            lambda: f"similarity {similarity:.3f}: {'the same person' if same else 'different people'}",
        )

    console.run(work())
