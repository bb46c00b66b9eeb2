"""How the command speaks: progress and tables for people, JSON for programs, one line for an error."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from visage.client import Notice, VisageError

out = Console()
err = Console(stderr=True)


class State:
    """Options that stand before the command."""

    as_json: bool = False


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a command; errors become one clear line (or one JSON object) and exit status 1, Ctrl-C status 130."""
    try:
        return asyncio.run(work)
    except VisageError as error:
        _fail(error.message, error)
    except (OSError, ValueError) as error:
        _fail(str(error), None)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(message: str, error: VisageError | None) -> None:
    if State.as_json:
        detail: dict[str, Any] = {"error": message}
        if error is not None:
            detail |= {"reason": error.reason, "fields": error.fields, "metadata": error.metadata}
        print(json.dumps(detail), file=sys.stderr)
    else:
        # What stands in brackets in names and messages is no style.
        err.print(f"[red]error:[/red] {escape(message)}", highlight=False)
        if error is not None and error.retry_after_s:
            err.print(f"try again in {error.retry_after_s:g} s", highlight=False)
    raise typer.Exit(1)


def show(value: Any, table: Callable[[], Table | Group | str]) -> None:
    """Prints a result: `value` as JSON with --json, otherwise what `table` builds."""
    if State.as_json:
        print(json.dumps(value, default=_plain, ensure_ascii=False))
    else:
        made = table()
        out.print(escape(made) if isinstance(made, str) else made)


def notes(notices: Iterable[Notice]) -> list[str]:
    """Returns a line for each thing that a service noticed, with what it knows of it."""
    lines = []
    for notice in notices:
        known = ", ".join(f"{name} {value}" for name, value in sorted(notice.metadata.items()))
        lines.append(f"note at {notice.at_s:.1f} s: {notice.message}{f' ({known})' if known else ''}")
    return lines


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


@contextmanager
def progress(text: str, total: float | None = None) -> Iterator[Callable[[str, float], None]]:
    """Shows a bar (or a spinner without `total`) on stderr; yields `update(text, done)`. Silent with --json."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        *((BarColumn(),) if total is not None else ()),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=State.as_json) as bar:
        task = bar.add_task(text, total=total)

        def update(description: str, done: float) -> None:
            bar.update(task, description=description, completed=done)

        yield update
