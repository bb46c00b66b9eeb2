"""Services and Triton are killed and come back under a running stream and under fifty unary calls."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from visage.client import AsyncVisage
from visage.client.embedded import EmbeddedMesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PATIENCE_S = 400.0
"""A Triton that starts on a busy machine compiles its models for minutes."""
CALLS = 50
WORKERS = 5
LONG_TEXT = " ".join(f"Sentence number {number} goes on for quite a while." for number in range(12))


async def kill(mesh: EmbeddedMesh, name: str) -> None:
    """Ends a process without warning; returns when all that it started has gone too and its ports are free."""
    os.kill(mesh.pids[name], signal.SIGKILL)
    await mesh.stop_one(name)
    if name == "triton":
        # The server itself is a child of the process that was killed, and ends a moment after it.
        async with asyncio.timeout(60):
            while await asyncio.to_thread(is_listening, mesh.triton_url):
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)


def is_listening(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@asynccontextmanager
async def patient(mesh: EmbeddedMesh) -> AsyncIterator[AsyncVisage]:
    settings = mesh.settings.model_copy(update={"patience_s": PATIENCE_S, "stream_timeout_s": 800.0})
    async with AsyncVisage(settings) as visage:
        await visage.speech.voices()
        yield visage


async def until_serving(mesh: EmbeddedMesh) -> None:
    async with AsyncVisage(mesh.settings) as visage, asyncio.timeout(PATIENCE_S):
        while set((await visage.status()).values()) != {"serving"}:
            await asyncio.sleep(0.2)


async def test_fifty_calls_outlive_services_and_triton(mesh: EmbeddedMesh, identity: str) -> None:
    """Of fifty unary calls, made while a service and Triton are killed and started again, none fails."""
    done = 0
    restarted = asyncio.Event()

    async with patient(mesh) as visage:

        async def work(worker: int) -> None:
            nonlocal done
            # The last calls are made when everything has come back: every restart happens under calls.
            for index in range(CALLS // WORKERS):
                if index == CALLS // WORKERS - 1:
                    await restarted.wait()
                if worker % 2:
                    assert (await visage.identities.embed(identity))[0].embedding is not None
                else:
                    assert (await visage.speech.say("Still here.")).audio
                done += 1

        async def restart() -> None:
            for name in ("speech", "identity", "triton"):
                await kill(mesh, name)
                await mesh.start_one(name)
                await asyncio.sleep(1.0)
            await until_serving(mesh)
            restarted.set()

        async with asyncio.TaskGroup() as group:
            for worker in range(WORKERS):
                group.create_task(work(worker))
            group.create_task(restart())

    assert done == CALLS


async def test_a_stream_outlives_services_and_triton(mesh: EmbeddedMesh, identity: str) -> None:
    """Composition ends by SIGTERM, animation and Triton without warning: every frame comes once, in order."""
    indices: list[int] = []
    frame_count = 0
    ends = iter(("composition", "animation", "triton"))
    restarting: asyncio.Task[None] | None = None

    async def restart(name: str) -> None:
        await (mesh.stop_one if name == "composition" else partial(kill, mesh))(name)
        await mesh.start_one(name)

    async with patient(mesh) as visage:
        request = await visage.generation.request(identity, text=LONG_TEXT, width=256, height=256, pixel_format="i420")
        async for response in visage.generation.stream(request):
            kind = response.WhichOneof("response")
            if kind == "frame" and response.frame.end_of_frame:
                indices.append(response.frame.frame_index)
                if len(indices) % 40 == 20 and (restarting is None or restarting.done()):
                    name = next(ends, None)
                    restarting = asyncio.create_task(restart(name)) if name else None
            elif kind == "summary":
                frame_count = response.summary.frame_count
    assert next(ends, None) is None
    await until_serving(mesh)

    assert indices == list(range(frame_count)) and frame_count > 200
