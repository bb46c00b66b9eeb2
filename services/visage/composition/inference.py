"""The renderers on Triton, one per size; implements `ports.Renderer`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.composition.values import Avatar, Frames
from visage.media.arkit import CURVE_COUNT
from visage.media.avatars import tensors_for
from visage.media.curves import POSE_COUNT
from visage.media.frames import Picture
from visage.media.portrait import (
    FRAME_PX,
    FRAMES_PER_ITEM,
    LIGHT,
    RENDER_SIZES,
    avatar_tensors,
    renderer_name,
)
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import DeadlineExceeded
from visage.runtime.triton.pinned import PinnedInputs
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec

_DATATYPES: Final = {"uint8": "UINT8", "float16": "FP16", "float32": "FP32"}


def renderer_signature(size: int) -> ModelSignature:
    """Returns the renderer of `size` with all its outputs; raises ValueError for other sizes than `RENDER_SIZES`."""
    return ModelSignature(
        renderer_name(size),
        inputs=(
            TensorSpec("curves", "FP32", (FRAMES_PER_ITEM, CURVE_COUNT)),
            TensorSpec("pose", "FP32", (FRAMES_PER_ITEM, POSE_COUNT)),
            TensorSpec("light", "FP32", (FRAMES_PER_ITEM, len(LIGHT))),
            *(TensorSpec(spec.name, _DATATYPES[spec.dtype], spec.shape) for spec in avatar_tensors(size)),
        ),
        outputs=(
            TensorSpec("frames", "UINT8", (FRAMES_PER_ITEM, size, size, 3)),
            TensorSpec("alpha", "UINT8", (FRAMES_PER_ITEM, size, size)),
            TensorSpec("yuv", "UINT8", (FRAMES_PER_ITEM, size * 3 // 2, size)),
        ),
    )


RENDERERS: Final = {size: renderer_signature(size) for size in RENDER_SIZES}
RENDERER: Final = RENDERERS[FRAME_PX]


class TritonRenderSession:
    """One avatar before one background, rendered at one size.

    The avatar's tensors lie in memory shared with the server, if there is any.
    """

    def __init__(
        self,
        client: TritonClient,
        places: asyncio.Semaphore,
        signature: ModelSignature,
        avatar: PinnedInputs,
        background: Picture | None,
    ) -> None:
        self._client = client
        self._places = places
        self._signature = signature
        self._avatar = avatar
        self._inputs: dict[str, Array] = {} if background is None else {"background": background[None]}

    async def render(
        self,
        curves: NDArray[np.float32],
        poses: NDArray[np.float32],
        light: NDArray[np.float32],
        deadline_s: float,
        outputs: Sequence[str] = ("frames",),
    ) -> dict[str, Frames]:
        """Returns the named outputs of one chunk, uint8 [8, …]: see `renderer_signature`; raises ModelError.

        Args:
            curves: [8, 52].
            poses: [8, 6].
            light: [8, 7], see `visage.media.portrait.LIGHT`.
            deadline_s: Seconds to wait for a place and for the answer.
            outputs: "frames", "alpha", "yuv"; the others are not computed.
        """
        inputs = self._inputs | {"curves": curves[None], "pose": poses[None], "light": light[None]}
        wanted = replace(
            self._signature, outputs=tuple(spec for spec in self._signature.outputs if spec.name in outputs)
        )
        end_s = time.monotonic() + deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                await self._places.acquire()
        except TimeoutError:
            raise DeadlineExceeded(wanted.name, "no place in the renderer within the deadline") from None
        try:
            left_s = max(0.001, end_s - time.monotonic())
            answer = await self._client.infer(wanted, inputs, deadline_s=left_s, pinned=self._avatar)
        finally:
            self._places.release()
        return {name: answer[name][0] for name in outputs}


class TritonRenderer:
    """Opens render sessions on one Triton server; of all their calls only some run at a time, first come, first served.

    Without that, many streams would fill Triton's queue until it refuses chunks of streams that run already.
    """

    def __init__(self, client: TritonClient, calls_in_flight: int) -> None:
        self._client = client
        self._places = asyncio.Semaphore(calls_in_flight)

    @asynccontextmanager
    async def open(
        self, avatar: Avatar, background: Picture | None, size: int = FRAME_PX
    ) -> AsyncIterator[TritonRenderSession]:
        """Keeps an avatar pinned while the session is open; background: uint8 [size, size, 3] in place of its own."""
        signature = RENDERERS[size]
        digest = f"{avatar.digest}-{size}"
        pinned = self._client.find_pinned(digest)
        if pinned is None:
            derived = await asyncio.to_thread(tensors_for, avatar.tensors, size)
            pinned = await self._client.pin(digest, {name: tensor[None] for name, tensor in derived.items()})
        with pinned:
            yield TritonRenderSession(self._client, self._places, signature, pinned, background)
