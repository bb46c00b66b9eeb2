"""What the whole path cannot do without, each on its own: the renderer, the encoder, the voice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import cpu_s
from visage.client import AsyncVisage
from visage.composition.inference import renderer_signature
from visage.composition.mp4 import Mp4Writer
from visage.composition.pictures import video_frame
from visage.composition.values import Mp4Delivery
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAMES_PER_ITEM, PHOTO_LIGHT
from visage.runtime.triton.client import TritonClient

CHUNKS = 24
IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class Rendering:
    """Speed of the renderer alone: through Triton with two requests in flight, and by Triton's own compute time."""

    frames_per_s: float
    kernel_frames_per_s: float


async def measure_renderer(
    client: TritonClient, avatar: Mapping[str, NDArray[Any]], size: int, output: str = "yuv"
) -> Rendering:
    """Renders random faces of one avatar (tensors as stored) at a native size into one output."""
    signature = renderer_signature(size, (output,))
    tensors = {name: tensor[None] for name, tensor in tensors_for(avatar, size).items()}
    light = np.tile(np.array(PHOTO_LIGHT, np.float32), (1, FRAMES_PER_ITEM, 1))
    rng = np.random.default_rng(0)
    with await client.pin(f"bench-{size}", tensors) as pinned:

        async def lane(count: int) -> None:
            for _ in range(count):
                curves = rng.uniform(0, 0.4, (1, FRAMES_PER_ITEM, 52)).astype(np.float32)
                pose = rng.uniform(-4, 4, (1, FRAMES_PER_ITEM, 6)).astype(np.float32)
                inputs = {"curves": curves, "pose": pose, "light": light}
                await client.infer(signature, inputs, pinned=pinned)

        # Both instances compile what an output needs when it is first asked for.
        await asyncio.gather(lane(2), lane(2))
        before = await client.statistics(signature.name)
        started = time.perf_counter()
        await asyncio.gather(*(lane(CHUNKS // IN_FLIGHT) for _ in range(IN_FLIGHT)))
        wall_s = time.perf_counter() - started
        spent = (await client.statistics(signature.name)).since(before)
    frames = CHUNKS * FRAMES_PER_ITEM
    # Every request of a batch is charged the whole execution.
    return Rendering(frames / wall_s, frames / (spent.mean_compute_s * spent.execution_count))


def measure_encoder(frames: NDArray[np.uint8], samples: NDArray[np.int16], sample_rate_hz: int, fps: int) -> float:
    """Returns seconds of processor time a frame, I420 [frames, rows * 3 / 2, columns], with its sound costs as MP4."""
    rows, columns = frames.shape[1] * 2 // 3, frames.shape[2]
    writer = Mp4Writer(columns, rows, Fraction(fps), Mp4Delivery(), sample_rate_hz)
    step = sample_rate_hz // fps
    started = time.thread_time()
    for index, frame in enumerate(frames):
        writer.add(video_frame(frame), samples[index * step : (index + 1) * step])
    writer.finish(samples[len(frames) * step :])
    spent_s = time.thread_time() - started
    writer.close()
    return spent_s / len(frames)


async def measure_voice(visage: AsyncVisage, pid: int, text: str) -> float:
    """Returns seconds of processor time that the speech service, whose process is `pid`, takes for a text."""
    before_s = cpu_s([pid])
    await visage.speech.say(text)
    return cpu_s([pid]) - before_s
