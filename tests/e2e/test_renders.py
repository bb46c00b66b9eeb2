"""Films in the background: by the service itself, and by the process that a Job's pod runs."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest

from visage.client import AsyncVisage
from visage.client.embedded import EmbeddedMesh
from visage.composition.renders.records import RenderRecord
from visage.composition.renders.store import RenderStore
from visage.runtime.store import ObjectStore

pytestmark = pytest.mark.e2e

TEXT = " ".join(f"Sentence number {number} goes on for a while." for number in range(6))


def pictures_in(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as file:
        return sum(1 for _ in file.decode(video=0))


async def test_a_render_becomes_a_film(mesh: EmbeddedMesh, identity: str, tmp_path: Path) -> None:
    """What CreateRender was asked for is an asset with sound and all pictures when its operation is done."""
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text="Made while nobody waits.")
        job = await visage.renders.wait((await visage.renders.create(request)).name)
        listed = [item.name async for item in visage.renders.list()]
        await visage.assets.download(job.asset, tmp_path / "film.mp4")
    data = (tmp_path / "film.mp4").read_bytes()

    assert job.state == "done" and job.name in listed
    assert pictures_in(data) == round(25 * job.media_s) > 25


async def test_a_pod_that_is_ended_leaves_the_rest_to_the_next(mesh: EmbeddedMesh, identity: str) -> None:
    """SIGTERM ends the first process with status 1 behind a stored fragment; the second one completes the film."""
    objects = ObjectStore.open(mesh.environment["VISAGE_STORE_URL"])
    store = RenderStore(objects)
    render_id = uuid.uuid4().hex
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text=TEXT, width=256, height=256)
        await store.create(RenderRecord.of(render_id, request, datetime.now(UTC)))
        first = await pod(mesh, render_id)
        async with asyncio.timeout(60):
            while await store.count_segments(render_id) < 3:
                await asyncio.sleep(0.05)
        first.send_signal(signal.SIGTERM)
        first_status = await first.wait()
        kept = await store.count_segments(render_id)
        second_status = await (await pod(mesh, render_id)).wait()
        job = await visage.renders.get(f"operations/{render_id}")

    assert (first_status, second_status) == (1, 0)
    assert kept >= 3 and job.state == "done" and job.attempt_count == 2
    assert pictures_in(await objects.get(job.asset)) == round(25 * job.media_s) > 250


async def pod(mesh: EmbeddedMesh, render_id: str) -> asyncio.subprocess.Process:
    """Starts what a Job's pod runs, with the mesh's settings."""
    given = mesh.settings.model_dump(exclude_none=True)
    addresses = {f"VISAGE_{key.upper()}": str(value) for key, value in given.items()}
    environment = os.environ | addresses | dict(mesh.environment) | {"VISAGE_TRITON_URL": mesh.triton_url}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "visage.composition.renders", render_id, env=environment
    )
