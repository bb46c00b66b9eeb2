"""Films of numbered fragments, made as slowly as a test wants, with notes of what was made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from fractions import Fraction

from visage.composition.boxes import free_box
from visage.composition.remainder import ResumePoint
from visage.composition.renders.operations import Renders
from visage.composition.renders.retention import Retention
from visage.composition.renders.runners import Runner
from visage.composition.renders.store import RenderStore
from visage.composition.values import Header, Part, Segment, Summary
from visage.runtime.assets import AssetStore
from visage.runtime.store import ObjectStore
from visage.v1 import composition_service_pb2 as pb

REQUEST = pb.GenerateAvatarRequest(scene=pb.Scene(identity="identities/anna"))
REQUEST.performance.speech.text = "Hello."


class FilmMaker:
    """Implements `work.Generate` of renders: an init segment and `length` fragments of half a second."""

    def __init__(self, length: int = 6) -> None:
        self.length = length
        self.points: list[int] = []
        self.made: list[int] = []
        self.pause_s = 0.0
        self.errors: list[Exception] = []
        self.fails_at = 3
        self.reached = asyncio.Event()
        self.hold: asyncio.Event | None = None

    async def __call__(self, request: pb.GenerateAvatarRequest, point: ResumePoint) -> AsyncGenerator[Part, None]:
        self.points.append(point.next_segment)
        yield Header(512, 512, Fraction(25), "video/mp4")
        for number in range(point.next_segment, self.length + 1):
            if number == self.fails_at:
                self.reached.set()
                if self.errors:
                    raise self.errors.pop(0)
                if self.hold is not None:
                    await self.hold.wait()
            await asyncio.sleep(self.pause_s)
            self.made.append(number)
            start_s = Fraction(max(number - 1, 0), 2)
            yield Segment(number, start_s, Fraction(1, 2) if number else Fraction(0), piece(number))
        yield Summary(self.length * 12, Fraction(self.length, 2), 0.1, {})


def renders_of(store: RenderStore, objects: ObjectStore, runner: Runner, keep_s: float = 3600.0) -> Renders:
    """Renders on a runner, as the service puts them together."""
    return Renders(store, runner, Retention(store, AssetStore(objects), runner, keep_s))


def piece(number: int) -> bytes:
    return b"\0\0\0\x18ftypisom" if number == 0 else f"[{number}]".encode()


def film(render_id: str, length: int = 6) -> bytes:
    """The fragments, and the box that makes the film this render's own."""
    return b"".join(piece(number) for number in range(length + 1)) + free_box(f"renders/{render_id}".encode())
