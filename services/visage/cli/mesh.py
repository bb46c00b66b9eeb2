"""Which mesh a command talks to: the one that runs, or one for this call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from visage.cli import console
from visage.client import AsyncVisage
from visage.client.embedded import EmbeddedMesh


@asynccontextmanager
async def connect(needed: tuple[str, ...]) -> AsyncIterator[AsyncVisage]:
    """Yields a client of the running mesh if the needed services answer, else of an embedded one."""
    async with AsyncVisage() as running:
        states = await running.status(timeout_s=1.0)
        if all(states[name] == "serving" for name in needed):
            yield running
            return
    with console.progress("starting an embedded mesh"):
        mesh = EmbeddedMesh()
        await mesh.start()
    try:
        async with AsyncVisage(mesh.settings) as embedded:
            yield embedded
    finally:
        await mesh.stop()
