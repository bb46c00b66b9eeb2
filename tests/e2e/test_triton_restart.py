"""Triton goes away in the middle and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from visage.client import AsyncVisage, Unavailable
from visage.client.embedded import EmbeddedMesh

pytestmark = pytest.mark.e2e

LONG_TEXT = " ".join(f"Sentence number {number} goes on for quite a while." for number in range(30))


async def test_mesh_survives_a_restart_of_triton(mesh: EmbeddedMesh, identity: str, tmp_path: Path) -> None:
    """A running generation ends with UNAVAILABLE and RetryInfo, health follows, and afterwards everything works."""
    # Without patience the client gives up, as other people's clients do.
    async with AsyncVisage(mesh.settings.model_copy(update={"patience_s": 0.0})) as visage:
        request = await visage.generation.request(identity, text=LONG_TEXT)
        stopping: asyncio.Task[None] | None = None
        with pytest.raises(Unavailable) as caught:
            async for response in visage.generation.stream(request):
                if response.WhichOneof("response") == "fragment" and stopping is None:
                    stopping = asyncio.create_task(mesh.stop_one("triton"))
        assert stopping is not None
        await stopping
        async with asyncio.timeout(15):
            while (await visage.status())["composition"] != "not serving":
                await asyncio.sleep(0.1)
        await mesh.start_one("triton")
        async with asyncio.timeout(240):
            while set((await visage.status()).values()) != {"serving"}:
                await asyncio.sleep(0.2)
        again = await visage.generation.request(identity, text="Here I am again.")
        clip = await visage.generation.save(again, tmp_path / "again.mp4")

    assert caught.value.retry_after_s is not None
    assert clip.summary is not None
    assert clip.summary.frame_count > 10
