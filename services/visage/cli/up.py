"""`visage up` and `visage status`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from visage.cli import console
from visage.client import AsyncVisage
from visage.client.embedded import FIXED_PORTS, EmbeddedMesh


def up(
    log_dir: Annotated[Path | None, typer.Option(help="Keep the processes' logs in this folder.")] = None,
) -> None:
    """Run Triton and the four services on this machine until Ctrl-C."""
    console.run(_up(log_dir))


async def _up(log_dir: Path | None) -> None:
    mesh = EmbeddedMesh(fixed_ports=True, log_dir=log_dir)
    with console.progress("starting Triton and four services"):
        await mesh.start()
    try:
        listing = ", ".join(f"{name} {port}" for name, port in FIXED_PORTS.items())
        console.show(
            {"triton": mesh.triton_url, "services": FIXED_PORTS, "pids": mesh.pids},
            lambda: f"serving on 127.0.0.1: {listing}, Triton {mesh.triton_url}; Ctrl-C stops everything",
        )
        await _until_stopped(mesh)
    finally:
        with console.progress("stopping"):
            await mesh.stop()


async def _until_stopped(mesh: EmbeddedMesh) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ended = asyncio.create_task(mesh.wait())
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
    for task in (ended, stopped):
        task.cancel()
    if ended in done and stopped not in done:
        raise OSError(f"{ended.result()} ended by itself; run with --log-dir to see why")


def status() -> None:
    """Show whether the four services answer and serve."""
    console.run(_status())


async def _status() -> None:
    async with AsyncVisage() as visage:
        states = await visage.status()

    def table() -> Table:
        rows = Table("service", "state")
        for name, state in states.items():
            rows.add_row(name, f"[{'green' if state == 'serving' else 'red'}]{state}")
        return rows

    console.show(states, table)
    if any(state != "serving" for state in states.values()):
        raise typer.Exit(1)
