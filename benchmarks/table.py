"""`make bench`: starts a mesh, measures, prints one table.

All speeds come from one run on one machine; compare them with each other (ratios), not with another day's. The portrait
is NASA's of Eileen Collins, public domain, from scikit-image.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import cv2
import skimage.data
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load

from benchmarks.demo import TEXT
from benchmarks.identity_stages import identity_rows
from benchmarks.kernels import IN_FLIGHT, Rendering, measure_encoder, measure_renderer, measure_voice
from benchmarks.memory import proportional_mb
from benchmarks.whole_path import FPS, Generation, generate, raw_performance
from visage.client import AsyncVisage
from visage.client.embedded import EmbeddedMesh
from visage.composition.inference import RENDERERS
from visage.media.portrait import FRAME_PX, RENDER_SIZES
from visage.runtime.peers import open_channel
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.settings import TritonClientSettings
from visage.v1 import identity_service_pb2, identity_service_pb2_grpc

Row = tuple[str, str, str]

WHOLE_PATH_SIDES = (256, FRAME_PX)
PARALLEL_CALLS = 4


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


async def fetch_avatar(address: str, name: str) -> Mapping[str, NDArray[Any]]:
    """Returns the avatar's tensors as the identity service stores them."""
    channel = open_channel(address)
    stub = identity_service_pb2_grpc.IdentityServiceStub(channel)  # type: ignore[no-untyped-call]
    parts = []
    async for response in stub.GetAvatar(identity_service_pb2.GetAvatarRequest(name=name)):
        if response.WhichOneof("response") == "data":
            parts.append(response.data)
    await channel.close()
    tensors: Mapping[str, NDArray[Any]] = load(b"".join(parts))
    return tensors


async def measure() -> list[Row]:
    """Returns the rows of the table: what, figure, how."""
    portrait = cv2.imencode(".png", cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR))[1].tobytes()
    rows: list[Row] = []
    started = time.perf_counter()
    async with EmbeddedMesh() as mesh:
        rows.append(("start of the mesh", f"{time.perf_counter() - started:.1f} s", "Triton, 9 models, 4 services"))
        watch = MemoryWatch(list(mesh.pids.values()))
        async with AsyncVisage(mesh.settings) as visage, watch.watching():
            started = time.perf_counter()
            identity = await visage.identities.create(portrait)
            rows.append(("identity from a photo", f"{time.perf_counter() - started:.2f} s", "512x512 PNG"))
            rows += await identity_rows(mesh.triton_url, portrait)
            try:
                rows += await _measure_speed(mesh, visage, identity.name)
            finally:
                await visage.identities.delete(identity.name)
        rows.append(("peak memory of the mesh", f"{watch.peak_mb:.0f} MB", "proportional set size, all processes"))
    return rows


async def _measure_speed(mesh: EmbeddedMesh, visage: AsyncVisage, name: str) -> list[Row]:
    avatar = await fetch_avatar(mesh.settings.identity_address, name)
    async with TritonClient(TritonClientSettings(url=mesh.triton_url)) as client:
        renderings = {size: await measure_renderer(client, avatar, size) for size in RENDER_SIZES}
        rows = _renderer_rows(renderings)
        for side in WHOLE_PATH_SIDES:
            rows += await _measure_path(mesh, visage, client, name, side, renderings[side])
        before = await client.statistics(RENDERERS[FRAME_PX].name)
        started = time.perf_counter()
        parallel = await asyncio.gather(*(generate(visage, name, TEXT) for _ in range(PARALLEL_CALLS)))
        wall_s = time.perf_counter() - started
        spent = (await client.statistics(RENDERERS[FRAME_PX].name)).since(before)
    together = sum(item.frames for item in parallel) / wall_s
    return [
        *rows,
        (f"whole path, {PARALLEL_CALLS} parallel calls", f"{together:.1f} frames/s", "512x512, their sum"),
        ("Triton's mean renderer batch", f"{spent.mean_batch_size:.2f}", "items per execution under parallel calls"),
    ]


def _renderer_rows(renderings: Mapping[int, Rendering]) -> list[Row]:
    through_triton = renderings[FRAME_PX].frames_per_s
    return [
        *(
            (f"renderer kernels, {size}x{size}", f"{speed.kernel_frames_per_s:.1f} frames/s", "YUV out, one core")
            for size, speed in renderings.items()
        ),
        ("renderer alone, through Triton", f"{through_triton:.1f} frames/s", f"512x512, {IN_FLIGHT} in flight"),
    ]


async def _measure_path(
    mesh: EmbeddedMesh, visage: AsyncVisage, client: TritonClient, name: str, side: int, rendering: Rendering
) -> list[Row]:
    await generate(visage, name, "Warm up.", side)
    frames, samples, rate_hz = await raw_performance(visage, name, TEXT, side)
    lip_sync = await client.statistics("lip_sync")
    single = await generate(visage, name, TEXT, side, mesh.pids)
    lips = (await client.statistics("lip_sync")).since(lip_sync)
    kernels_ms = {
        "renderer": 1000 / rendering.kernel_frames_per_s,
        "lip sync": 1000 * lips.mean_compute_s * lips.execution_count / single.frames,
        "encoder": 1000 * measure_encoder(frames, samples, rate_hz, FPS),
        "speech": 1000 * await measure_voice(visage, mesh.pids["speech"], TEXT) / single.frames,
    }
    return _path_rows(side, single, kernels_ms, os.cpu_count() or 1)


def _path_rows(side: int, single: Generation, kernels_ms: Mapping[str, float], cores: int) -> list[Row]:
    """A path can be no faster than all its kernels spread over all cores."""
    wall_ms, sum_ms = 1000 / single.frames_per_s, sum(kernels_ms.values())
    named = ", ".join(f"{name} {spent:.1f}" for name, spent in kernels_ms.items() if spent >= 0.05)
    used = {process: 1000 * spent / single.frames for process, spent in single.cpu_s.items()}
    processes = ", ".join(f"{process} {spent:.1f}" for process, spent in used.items() if spent >= 0.05)
    size = f"{side}x{side}"
    return [
        (
            f"whole path, {size}",
            f"{single.frames_per_s:.1f} frames/s",
            f"{single.frames_per_s / FPS:.2f} x real time at {FPS} fps",
        ),
        (f"  first fragment, {size}", f"{single.first_fragment_s:.2f} s", "text in, first pictures of the MP4 out"),
        (f"  kernels of a frame, {size}", f"{sum_ms:.1f} ms", named),
        (f"  processors of a frame, {size}", f"{single.cpu_ms_per_frame:.1f} ms", processes),
        (
            f"  wall time / kernels, {size}",
            f"{wall_ms / (sum_ms / cores):.2f}",
            f"{wall_ms:.1f} ms a frame against {sum_ms:.1f} ms on {cores} cores",
        ),
    ]


def main() -> None:
    """Prints the table."""
    rows = asyncio.run(measure())
    table = Table("figure", "value", "how", title=f"{os.cpu_count()} cores, {platform.machine()}, no GPU")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
