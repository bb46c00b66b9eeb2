"""The renderer on Triton; implements `ports.Renderer`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.composition.values import Avatar, Frames, Look, Pixels
from visage.media.arkit import CURVE_COUNT
from visage.media.avatars import tensors_for
from visage.media.curves import POSE_COUNT
from visage.media.portrait import FRAMES_PER_ITEM, LIGHT, RENDER_SIZES, avatar_tensors, renderer_name
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import DeadlineExceeded
from visage.runtime.triton.pinned import PinnedInputs
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec

_DATATYPES: Final = {"uint8": "UINT8", "float16": "FP16", "float32": "FP32"}


def renderer_signature(size: int, outputs: tuple[str, ...] = ("frames", "alpha", "yuv")) -> ModelSignature:
    """Returns the renderer of `size` with the outputs that are asked for; others are not computed.

    Raises:
        ValueError: There is no renderer of that size.
    """
    shapes = {"frames": (size, size, 3), "alpha": (size, size), "yuv": (size * 3 // 2, size)}
    return ModelSignature(
        renderer_name(size),
        inputs=(
            TensorSpec("curves", "FP32", (FRAMES_PER_ITEM, CURVE_COUNT)),
            TensorSpec("pose", "FP32", (FRAMES_PER_ITEM, POSE_COUNT)),
            TensorSpec("light", "FP32", (FRAMES_PER_ITEM, len(LIGHT))),
            *(TensorSpec(spec.name, _DATATYPES[spec.dtype], spec.shape) for spec in avatar_tensors(size)),
        ),
        outputs=tuple(TensorSpec(name, "UINT8", (FRAMES_PER_ITEM, *shapes[name])) for name in outputs),
    )


RENDERERS: Final = {size: renderer_signature(size) for size in RENDER_SIZES}
"""What must be served, each with all its outputs."""


class TritonRenderSession:
    """One avatar with one look; the avatar's tensors lie in memory shared with the server, if there is any."""

    def __init__(self, client: TritonClient, places: asyncio.Semaphore, avatar: PinnedInputs, look: Look) -> None:
        self._client = client
        self._places = places
        self._avatar = avatar
        self._pixels = look.pixels
        self._signature = renderer_signature(look.size, look.pixels.value)
        self._inputs: dict[str, Array] = {"light": look.light[None]}
        if look.background is not None:
            self._inputs["background"] = look.background[None]

    async def render(self, curves: NDArray[np.float32], poses: NDArray[np.float32], deadline_s: float) -> Frames:
        """Returns eight frames as the look's pixels say, for curves [8, 52] and poses [8, 6]; raises ModelError."""
        inputs = self._inputs | {"curves": curves[None], "pose": poses[None]}
        end_s = time.monotonic() + deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                await self._places.acquire()
        except TimeoutError:
            raise DeadlineExceeded(self._signature.name, "no place in the renderer within the deadline") from None
        try:
            left_s = max(0.001, end_s - time.monotonic())
            outputs = await self._client.infer(self._signature, inputs, deadline_s=left_s, pinned=self._avatar)
        finally:
            self._places.release()
        if self._pixels is Pixels.RGBA:
            layers = outputs["frames"][0], outputs["alpha"][0][..., None]
            return await asyncio.to_thread(np.concatenate, layers, -1)
        frames: Frames = outputs[self._pixels.value[0]][0]
        return frames


class TritonRenderer:
    """Opens render sessions on one Triton server; of all their calls only some run at a time, first come, first served.

    Without that, many streams would fill Triton's queue until it refuses chunks of streams that run already.
    """

    def __init__(self, client: TritonClient, calls_in_flight: int) -> None:
        self._client = client
        self._places = asyncio.Semaphore(calls_in_flight)

    @asynccontextmanager
    async def open(self, avatar: Avatar, look: Look) -> AsyncIterator[TritonRenderSession]:
        """Keeps an avatar's tensors for the look's size pinned while the session is open."""
        key = f"{avatar.digest}-{look.size}"
        pinned = self._client.find_pinned(key)
        if pinned is None:
            tensors = await asyncio.to_thread(tensors_for, avatar.tensors, look.size)
            pinned = await self._client.pin(key, {name: tensor[None] for name, tensor in tensors.items()})
        with pinned:
            yield TritonRenderSession(self._client, self._places, pinned, look)
