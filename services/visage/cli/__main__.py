"""`visage`: up · status · talk · speak · align · animate · identity … · voice … · cluster … · doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from visage.cli import align, animate, doctor, identity, speak, talk, up, voice
from visage.cli.cluster import commands as cluster
from visage.cli.console import State

app = typer.Typer(
    name="visage",
    help="From one photo and one sentence to a talking video.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    as_json: Annotated[bool, typer.Option("--json", help="Print results and errors as JSON.")] = False,
) -> None:
    """Options that stand before the command."""
    State.as_json = as_json


app.command()(up.up)
app.command()(up.status)
app.command()(talk.talk)
app.command()(speak.speak)
app.command()(speak.voices)
app.command()(animate.animate)
app.command()(align.align)
app.command()(doctor.doctor)
app.add_typer(identity.app, name="identity")
app.add_typer(voice.app, name="voice")
app.add_typer(cluster.app, name="cluster")


def main() -> None:
    """Runs the command."""
    app()


if __name__ == "__main__":
    main()
