"""The renderer on Triton; implements `ports.Renderer`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.composition.values import Avatar, Frames
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import POSE_COUNT
from visage.media.frames import Picture
from visage.media.portrait import AVATAR_TENSORS, BACKGROUND, FRAME_PX, FRAMES_PER_ITEM
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import DeadlineExceeded
from visage.runtime.triton.pinned import PinnedInputs
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec

_DATATYPES: Final = {"uint8": "UINT8", "float16": "FP16", "float32": "FP32"}

RENDERER: Final = ModelSignature(
    "renderer",
    inputs=(
        TensorSpec("curves", "FP32", (FRAMES_PER_ITEM, CURVE_COUNT)),
        TensorSpec("pose", "FP32", (FRAMES_PER_ITEM, POSE_COUNT)),
        *(TensorSpec(spec.name, _DATATYPES[spec.dtype], spec.shape) for spec in AVATAR_TENSORS),
    ),
    outputs=(TensorSpec("frames", "UINT8", (FRAMES_PER_ITEM, FRAME_PX, FRAME_PX, 3)),),
)


class TritonRenderSession:
    """One avatar before one background; the avatar's tensors lie in memory shared with the server, if there is any."""

    def __init__(
        self, client: TritonClient, places: asyncio.Semaphore, avatar: PinnedInputs, background: Picture | None
    ) -> None:
        self._client = client
        self._places = places
        self._avatar = avatar
        self._inputs: dict[str, Array] = {} if background is None else {BACKGROUND.name: background[None]}

    async def render(self, curves: NDArray[np.float32], poses: NDArray[np.float32], deadline_s: float) -> Frames:
        """Returns uint8 [8, 512, 512, 3] for curves [8, 52] and poses [8, 6]; raises ModelError."""
        inputs = self._inputs | {"curves": curves[None], "pose": poses[None]}
        end_s = time.monotonic() + deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                await self._places.acquire()
        except TimeoutError:
            raise DeadlineExceeded(RENDERER.name, "no place in the renderer within the deadline") from None
        try:
            left_s = max(0.001, end_s - time.monotonic())
            outputs = await self._client.infer(RENDERER, inputs, deadline_s=left_s, pinned=self._avatar)
        finally:
            self._places.release()
        frames: Frames = outputs["frames"][0]
        return frames


class TritonRenderer:
    """Opens render sessions on one Triton server; of all their calls only some run at a time, first come, first served.

    Without that, many streams would fill Triton's queue until it refuses chunks of streams that run already.
    """

    def __init__(self, client: TritonClient, calls_in_flight: int) -> None:
        self._client = client
        self._places = asyncio.Semaphore(calls_in_flight)

    @asynccontextmanager
    async def open(self, avatar: Avatar, background: Picture | None) -> AsyncIterator[TritonRenderSession]:
        """Keeps an avatar pinned while the session is open."""
        pinned = self._client.find_pinned(avatar.digest)
        if pinned is None:
            tensors = {name: tensor[None] for name, tensor in avatar.tensors.items()}
            pinned = await self._client.pin(avatar.digest, tensors)
        with pinned:
            yield TritonRenderSession(self._client, self._places, pinned, background)
