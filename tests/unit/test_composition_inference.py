"""The renderer behind its port: what is sent to Triton, how many calls at a time, and when pins are let go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visage.composition.inference import TritonRenderer, renderer_signature
from visage.composition.scene_limits import light_rows
from visage.composition.values import Avatar, Look, Pixels
from visage.media.frames import solid_picture
from visage.media.portrait import AVATAR_TENSORS
from visage.runtime.triton.errors import DeadlineExceeded, ModelUnavailable
from visage.runtime.triton.pinned import PinnedInputs

pytestmark = pytest.mark.unit

AVATAR = Avatar("digest", {spec.name: np.zeros(spec.shape, spec.dtype) for spec in AVATAR_TENSORS}, 1)
LOOK = Look(512, Pixels.RGB, light_rows(None))
CURVES, POSES = np.zeros((8, 52), np.float32), np.zeros((8, 6), np.float32)


class FakeTriton:
    """Checks each call against the signature and answers with its outputs, all 7, once `gate` is open."""

    def __init__(self) -> None:
        self.pinned: PinnedInputs | None = None
        self.pins = 0
        self.inputs: list[Mapping[str, Any]] = []
        self.models: list[str] = []
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
        self.models.append(signature.name)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return {spec.name: np.full((1, *spec.dims), 7, spec.dtype) for spec in signature.outputs}


async def test_an_avatar_is_pinned_once_and_let_go() -> None:
    """Two sessions share the tensors that the first one pinned; afterwards nobody holds them."""
    triton = FakeTriton()
    on_triton = TritonRenderer(triton, 4)  # type: ignore[arg-type]  # the methods that it uses
    for _ in range(2):
        async with on_triton.open(AVATAR, LOOK) as session:
            frames = await session.render(CURVES, POSES, 1.0)

    assert frames.shape == (8, 512, 512, 3) and triton.pins == 1
    assert triton.pinned is not None and triton.pinned.holders == 0


async def test_only_a_wanted_background_is_sent() -> None:
    """It goes along with each call, in front of the avatar's own; without one the pinned tensor serves."""
    triton = FakeTriton()
    on_triton = TritonRenderer(triton, 4)  # type: ignore[arg-type]
    for background in (None, solid_picture("#102030")):
        async with on_triton.open(AVATAR, replace(LOOK, background=background)) as session:
            await session.render(CURVES, POSES, 1.0)

    assert [sorted(inputs) for inputs in triton.inputs] == [
        ["curves", "light", "pose"],
        ["background", "curves", "light", "pose"],
    ]


@pytest.mark.parametrize(
    ("pixels", "shape"),
    [(Pixels.YUV, (8, 384, 256)), (Pixels.RGB, (8, 256, 256, 3)), (Pixels.RGBA, (8, 256, 256, 4))],
)
async def test_only_what_is_wanted_comes_back(pixels: Pixels, shape: tuple[int, ...]) -> None:
    """The model of the size is asked for the outputs that the pixels need; alpha is the fourth channel."""
    triton = FakeTriton()
    on_triton = TritonRenderer(triton, 4)  # type: ignore[arg-type]
    async with on_triton.open(AVATAR, replace(LOOK, size=256, pixels=pixels)) as session:
        frames = await session.render(CURVES, POSES, 1.0)

    assert frames.shape == shape and (frames == 7).all() and triton.models == ["renderer_256"]


async def test_each_size_has_tensors_of_its_own() -> None:
    """An avatar that is shown at two sizes is pinned twice."""
    triton = FakeTriton()
    on_triton = TritonRenderer(triton, 4)  # type: ignore[arg-type]
    for size in (512, 256, 768):
        async with on_triton.open(AVATAR, replace(LOOK, size=size)) as session:
            await session.render(CURVES, POSES, 1.0)

    assert triton.pins == 3 and triton.models == ["renderer", "renderer_256", "renderer_768"]


def test_sizes_without_a_renderer_do_not_exist() -> None:
    """The three native sizes are named."""
    with pytest.raises(ValueError, match="256, 512, 768"):
        renderer_signature(384)


async def test_calls_of_all_streams_share_the_places() -> None:
    """Ten calls, three places: the others wait here, not in Triton's queue."""
    triton = FakeTriton()
    triton.gate.clear()
    on_triton = TritonRenderer(triton, 3)  # type: ignore[arg-type]
    async with on_triton.open(AVATAR, LOOK) as session:
        calls = [asyncio.create_task(session.render(CURVES, POSES, 5.0)) for _ in range(10)]
        await asyncio.sleep(0.01)
        running = triton.running
        triton.gate.set()
        await asyncio.gather(*calls)

    assert running == triton.most_running == 3


async def test_waiting_for_a_place_ends_with_the_deadline() -> None:
    """A place that never gets free is a deadline that passed, and costs no place itself."""
    triton = FakeTriton()
    triton.gate.clear()
    on_triton = TritonRenderer(triton, 1)  # type: ignore[arg-type]
    async with on_triton.open(AVATAR, LOOK) as session:
        first = asyncio.create_task(session.render(CURVES, POSES, 5.0))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded):
            await session.render(CURVES, POSES, 0.01)
        triton.gate.set()
        await first

        assert (await session.render(CURVES, POSES, 1.0)).shape[0] == 8


async def test_a_failed_or_cancelled_call_frees_its_place() -> None:
    """After an error and a cancellation the one place is there again."""
    triton = FakeTriton()
    on_triton = TritonRenderer(triton, 1)  # type: ignore[arg-type]
    async with on_triton.open(AVATAR, LOOK) as session:
        triton.error = ModelUnavailable("renderer", "gone")
        with pytest.raises(ModelUnavailable):
            await session.render(CURVES, POSES, 1.0)
        triton.error = None
        triton.gate.clear()
        hanging = asyncio.create_task(session.render(CURVES, POSES, 5.0))
        await asyncio.sleep(0.01)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        triton.gate.set()

        assert (await session.render(CURVES, POSES, 1.0)).shape[0] == 8
