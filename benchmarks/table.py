"""`make bench`: starts a mesh, measures, prints one table.

All speeds come from one run on one machine; compare them with each other (ratios), not with another day's. The portrait
is NASA's of Eileen Collins, public domain, from scikit-image.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np
import skimage.data
from rich.console import Console
from rich.table import Table

from benchmarks.demo import TEXT
from benchmarks.memory import proportional_mb
from visage.client import AsyncVisage, synthesis_options
from visage.client.embedded import EmbeddedMesh
from visage.composition.inference import RENDERER
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAME_PX, PHOTO_LIGHT
from visage.runtime.peers import open_channel
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.v1 import identity_service_pb2, identity_service_pb2_grpc

FPS = 25
CHUNK_FRAMES = 8
CHUNKS = 24
IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class Generation:
    """One GenerateAvatar call, seen from the client."""

    frames: int
    wall_s: float
    first_fragment_s: float

    @property
    def frames_per_s(self) -> float:
        """Frames of video per second of wall time."""
        return self.frames / self.wall_s


class MemoryWatch:
    """Peak of the mesh's memory while it is open."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids
        self.peak_mb = 0.0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Samples once a second."""

        async def sample() -> None:
            while True:
                self.peak_mb = max(self.peak_mb, await asyncio.to_thread(proportional_mb, self._pids))
                await asyncio.sleep(1.0)

        task = asyncio.create_task(sample())
        try:
            yield
        finally:
            task.cancel()


async def fetch_avatar(address: str, name: str) -> bytes:
    """Returns the avatar's safetensors bytes from the identity service."""
    channel = open_channel(address)
    stub = identity_service_pb2_grpc.IdentityServiceStub(channel)  # type: ignore[no-untyped-call]
    parts = []
    async for response in stub.GetAvatar(identity_service_pb2.GetAvatarRequest(name=name)):
        if response.WhichOneof("response") == "data":
            parts.append(response.data)
    await channel.close()
    return b"".join(parts)


async def measure_renderer(triton_url: str, avatar: bytes) -> tuple[float, float]:
    """Returns frames/s of the renderer through Triton, and frames/s by its own compute time."""
    from safetensors.numpy import load

    renderer = replace(RENDERER, outputs=tuple(output for output in RENDERER.outputs if output.name == "yuv"))
    tensors = {name: array[None] for name, array in tensors_for(load(avatar), FRAME_PX).items()}
    light = np.tile(np.float32(PHOTO_LIGHT), (1, CHUNK_FRAMES, 1))
    rng = np.random.default_rng(0)
    async with TritonClient(TritonClientSettings(url=triton_url)) as client:
        with await client.pin("bench", tensors) as pinned:

            async def one() -> None:
                curves = rng.uniform(0, 0.4, (1, CHUNK_FRAMES, 52)).astype(np.float32)
                pose = rng.uniform(-4, 4, (1, CHUNK_FRAMES, 6)).astype(np.float32)
                await client.infer(renderer, {"curves": curves, "pose": pose, "light": light}, pinned=pinned)

            async def lane(count: int) -> None:
                for _ in range(count):
                    await one()

            await lane(2)
            before = await client.statistics(RENDERER.name)
            started = time.perf_counter()
            await asyncio.gather(*(lane(CHUNKS // IN_FLIGHT) for _ in range(IN_FLIGHT)))
            wall_s = time.perf_counter() - started
            spent = (await client.statistics(RENDERER.name)).since(before)
    frames = CHUNKS * CHUNK_FRAMES
    # Every request of a batch is charged the whole execution.
    kernel_s = spent.mean_compute_s * spent.execution_count
    return frames / wall_s, frames / kernel_s


async def generate(visage: AsyncVisage, name: str, text: str) -> Generation:
    """Runs one GenerateAvatar call."""
    request = await visage.generation.request(name, text=text, fps=FPS, synthesis=synthesis_options())
    started = time.perf_counter()
    first_s, frames = 0.0, 0
    async for response in visage.generation.stream(request):
        kind = response.WhichOneof("response")
        if kind == "fragment" and response.fragment.sequence_number == 1 and not first_s:
            first_s = time.perf_counter() - started
        elif kind == "summary":
            frames = response.summary.frame_count
    return Generation(frames, time.perf_counter() - started, first_s)


async def measure() -> list[tuple[str, str, str]]:
    """Returns the rows of the table: what, figure, how."""
    portrait = cv2.imencode(".png", cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR))[1].tobytes()
    rows: list[tuple[str, str, str]] = []
    started = time.perf_counter()
    async with EmbeddedMesh() as mesh:
        rows.append(("start of the mesh", f"{time.perf_counter() - started:.1f} s", "Triton, 9 models, 4 services"))
        watch = MemoryWatch(list(mesh.pids.values()))
        async with AsyncVisage(mesh.settings) as visage, watch.watching():
            started = time.perf_counter()
            identity = await visage.identities.create(portrait)
            rows.append(("identity from a photo", f"{time.perf_counter() - started:.2f} s", "512x512 PNG"))
            try:
                rows += await _measure_speed(mesh, visage, identity.name)
            finally:
                await visage.identities.delete(identity.name)
        rows.append(("peak memory of the mesh", f"{watch.peak_mb:.0f} MB", "proportional set size, all processes"))
    return rows


async def _measure_speed(mesh: EmbeddedMesh, visage: AsyncVisage, name: str) -> list[tuple[str, str, str]]:
    avatar = await fetch_avatar(mesh.settings.identity_address, name)
    wall_fps, kernel_fps = await measure_renderer(mesh.triton_url, avatar)
    await generate(visage, name, "Warm up.")
    single = await generate(visage, name, TEXT)
    async with TritonClient(TritonClientSettings(url=mesh.triton_url)) as client:
        before = await client.statistics(RENDERER.name)
        started = time.perf_counter()
        parallel = await asyncio.gather(*(generate(visage, name, TEXT) for _ in range(4)))
        wall_s = time.perf_counter() - started
        spent = (await client.statistics(RENDERER.name)).since(before)
    together = sum(item.frames for item in parallel) / wall_s
    real_time = single.frames_per_s / FPS
    return [
        (
            "renderer kernels, one instance",
            f"{kernel_fps:.1f} frames/s",
            "512x512 YUV, Triton's compute time, one core",
        ),
        (
            "renderer alone, through Triton",
            f"{wall_fps:.1f} frames/s",
            f"two instances, {IN_FLIGHT} requests in flight",
        ),
        ("whole path", f"{single.frames_per_s:.1f} frames/s", f"{real_time:.2f} x real time at {FPS} fps"),
        (
            "whole path / renderer alone",
            f"{single.frames_per_s / wall_fps:.2f}",
            "speech, animation, encoding share the cores",
        ),
        ("time to first fragment", f"{single.first_fragment_s:.2f} s", "text in, first pictures of the MP4 out"),
        ("whole path, 4 parallel calls", f"{together:.1f} frames/s", "sum of the four"),
        ("Triton's mean renderer batch", f"{spent.mean_batch_size:.2f}", "items per execution under 4 parallel calls"),
    ]


def main() -> None:
    """Prints the table."""
    rows = asyncio.run(measure())
    table = Table("figure", "value", "how", title=f"{os.cpu_count()} cores, {platform.machine()}, no GPU")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
