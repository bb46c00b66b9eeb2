"""The renderer behind its port: what is sent to Triton, how many calls at a time, and when pins are let go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from visage.composition.inference import RENDERER, TritonRenderer
from visage.composition.values import PHOTO_LIGHTS, Avatar
from visage.media.frames import solid_picture
from visage.media.portrait import AVATAR_TENSORS, RENDER_SIZES
from visage.runtime.triton.errors import DeadlineExceeded, ModelUnavailable
from visage.runtime.triton.pinned import PinnedInputs

pytestmark = pytest.mark.unit

AVATAR = Avatar("digest", {spec.name: np.zeros(spec.shape, spec.dtype) for spec in AVATAR_TENSORS}, 1)
CURVES, POSES = np.zeros((8, 52), np.float32), np.zeros((8, 6), np.float32)


class FakeTriton:
    """Checks each call against the signature and answers with black frames once `gate` is open."""

    def __init__(self) -> None:
        self.pinned: PinnedInputs | None = None
        self.pins = 0
        self.inputs: list[Mapping[str, Any]] = []
        self.running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    def find_pinned(self, digest: str) -> PinnedInputs | None:
        return self.pinned.hold() if self.pinned is not None and self.pinned.digest == digest else None

    async def pin(self, digest: str, arrays: Mapping[str, Any]) -> PinnedInputs:
        self.pins += 1
        self.pinned = PinnedInputs(digest, arrays)
        return self.pinned.hold()

    async def infer(self, signature: Any, inputs: Mapping[str, Any], *, deadline_s: float, pinned: Any) -> Any:
        assert signature.batch_size({**pinned.tensors, **inputs}) == 1 and deadline_s > 0
        self.inputs.append(inputs)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return {spec.name: np.zeros((1, *spec.dims), np.uint8) for spec in signature.outputs}


async def test_an_avatar_is_pinned_once_and_let_go() -> None:
    """Two sessions share the tensors that the first one pinned; afterwards nobody holds them."""
    triton = FakeTriton()
    renderer = TritonRenderer(triton, 4)  # type: ignore[arg-type]  # the methods that it uses
    for _ in range(2):
        async with renderer.open(AVATAR, None) as session:
            outputs = await session.render(CURVES, POSES, PHOTO_LIGHTS, 1.0)

    assert outputs["frames"].shape == (8, 512, 512, 3) and triton.pins == 1
    assert triton.pinned is not None and triton.pinned.holders == 0


@pytest.mark.parametrize("size", RENDER_SIZES)
async def test_each_size_has_its_renderer_and_its_tensors(size: int) -> None:
    """A session gives the wanted outputs, and no others, at the size it was opened for."""
    triton = FakeTriton()
    renderer = TritonRenderer(triton, 4)  # type: ignore[arg-type]
    async with renderer.open(AVATAR, None, size) as session:
        outputs = await session.render(CURVES, POSES, PHOTO_LIGHTS, 1.0, ("yuv", "alpha"))

    assert {name: array.shape for name, array in outputs.items()} == {
        "yuv": (8, size * 3 // 2, size), "alpha": (8, size, size),
    }  # fmt: skip


async def test_only_a_wanted_background_is_sent() -> None:
    """It goes along with each call, in front of the avatar's own; without one the pinned tensor serves."""
    triton = FakeTriton()
    renderer = TritonRenderer(triton, 4)  # type: ignore[arg-type]
    for background in (None, solid_picture("#102030")):
        async with renderer.open(AVATAR, background) as session:
            await session.render(CURVES, POSES, PHOTO_LIGHTS, 1.0)

    assert [sorted(inputs) for inputs in triton.inputs] == [
        ["curves", "light", "pose"],
        ["background", "curves", "light", "pose"],
    ]


async def test_calls_of_all_streams_share_the_places() -> None:
    """Ten calls, three places: the others wait here, not in Triton's queue."""
    triton = FakeTriton()
    triton.gate.clear()
    renderer = TritonRenderer(triton, 3)  # type: ignore[arg-type]
    async with renderer.open(AVATAR, None) as session:
        calls = [asyncio.create_task(session.render(CURVES, POSES, PHOTO_LIGHTS, 5.0)) for _ in range(10)]
        await asyncio.sleep(0.01)
        running = triton.running
        triton.gate.set()
        await asyncio.gather(*calls)

    assert running == triton.most_running == 3


async def test_waiting_for_a_place_ends_with_the_deadline() -> None:
    """A place that never gets free is a deadline that passed, and costs no place itself."""
    triton = FakeTriton()
    triton.gate.clear()
    renderer = TritonRenderer(triton, 1)  # type: ignore[arg-type]
    async with renderer.open(AVATAR, None) as session:
        first = asyncio.create_task(session.render(CURVES, POSES, PHOTO_LIGHTS, 5.0))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded):
            await session.render(CURVES, POSES, PHOTO_LIGHTS, 0.01)
        triton.gate.set()
        await first

        assert (await session.render(CURVES, POSES, PHOTO_LIGHTS, 1.0))["frames"].shape[0] == 8


async def test_a_failed_or_cancelled_call_frees_its_place() -> None:
    """After an error and a cancellation the one place is there again."""
    triton = FakeTriton()
    renderer = TritonRenderer(triton, 1)  # type: ignore[arg-type]
    async with renderer.open(AVATAR, None) as session:
        triton.error = ModelUnavailable(RENDERER.name, "gone")
        with pytest.raises(ModelUnavailable):
            await session.render(CURVES, POSES, PHOTO_LIGHTS, 1.0)
        triton.error = None
        triton.gate.clear()
        hanging = asyncio.create_task(session.render(CURVES, POSES, PHOTO_LIGHTS, 5.0))
        await asyncio.sleep(0.01)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        triton.gate.set()

        assert (await session.render(CURVES, POSES, PHOTO_LIGHTS, 1.0))["frames"].shape[0] == 8
