"""Films in: the pictures of MP4, MOV, WebM and MKV files of strangers, decoded in a confined child, one by one.

The child is at most a few pictures ahead of its reader; a film is never held as a whole but for its compressed bytes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from visage.runtime.confined import start_confined
from visage.runtime.errors import MediaTooLarge, MediaUndecodable
from visage.runtime.images import RgbImage
from visage.runtime.tether import kill

_WORKER: Final = "visage.runtime.film_worker"
_RECORD_LIMIT_S: Final = 20.0
"""Seconds for one picture, the child's start included."""
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FilmLimits:
    """How much film a caller may send, and the longest side of the pictures that are handed on."""

    max_bytes: int = 20 * _MIB
    max_duration_s: float = 60.0
    max_side_px: int = 4096
    max_pixels: int = 9_500_000
    wanted_px: int = 960


@dataclass(frozen=True, slots=True, eq=False)
class FilmFrame:
    """A picture uint8 RGB [height, width, 3], upright, and when it is first shown, from the film's start."""

    at_s: float
    pixels: RgbImage


class Film:
    """An open film: iterate over it once for its pictures, in order of time, at most 60 a second.

    Attributes:
        frame_rate: Pictures per second, on average, as the file says.
        end_s: When the last picture ends; known after it.
    """

    def __init__(self, process: asyncio.subprocess.Process, field: str) -> None:
        self._process = process
        self._field = field
        self.frame_rate = Fraction(0)
        self.end_s = 0.0

    def __aiter__(self) -> AsyncIterator[FilmFrame]:
        """Returns itself."""
        return self

    async def __anext__(self) -> FilmFrame:
        """Returns the next picture; raises MediaTooLarge or MediaUndecodable, at the latest behind the last one."""
        record = await self._record()
        if "end_s" in record:
            self.end_s = record["end_s"]
            raise StopAsyncIteration
        return FilmFrame(record["at_s"], await self._pixels(record["width"], record["height"]))

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    async def start(self) -> None:
        """Waits for what the file says about itself; raises as iteration does."""
        numerator, denominator = (await self._record())["rate"]
        self.frame_rate = Fraction(numerator, denominator)

    async def _record(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._in_time(self._process.stdout.readline())
        if not line.endswith(b"\n"):
            raise MediaUndecodable(self._field, "decoding needs too much memory or time")
        record: dict[str, Any] = json.loads(line)
        if "limit" in record:
            raise MediaTooLarge(self._field, record["limit"], record["actual"])
        if "cause" in record:
            raise MediaUndecodable(self._field, record["cause"])
        return record

    async def _pixels(self, width: int, height: int) -> RgbImage:
        assert self._process.stdout is not None
        try:
            content = await self._in_time(self._process.stdout.readexactly(width * height * 3))
        except asyncio.IncompleteReadError:
            raise MediaUndecodable(self._field, "decoding needs too much memory or time") from None
        return np.frombuffer(content, np.uint8).reshape(height, width, 3)

    async def _in_time(self, reading: Any) -> bytes:
        try:
            async with asyncio.timeout(_RECORD_LIMIT_S):
                content: bytes = await reading
        except TimeoutError:
            raise MediaUndecodable(self._field, "decoding takes too long") from None
        return content


@asynccontextmanager
async def open_film(content: bytes, field: str, limits: FilmLimits | None = None) -> AsyncIterator[Film]:
    """Opens a film; its child process ends with the context, however that ends.

    Rotation and pixel shape are applied, times are the file's own, so that a variable frame rate is kept.

    Args:
        content: The file.
        field: Path of the request's field that held it, for errors.
        limits: Largest size; defaults apply if absent.

    Raises:
        MediaTooLarge: Over a limit.
        MediaUndecodable: Another format, broken, truncated, without pictures, or too expensive to decode.
    """
    bounds = limits or FilmLimits()
    if len(content) > bounds.max_bytes:
        raise MediaTooLarge(field, f"{bounds.max_bytes / _MIB:g} MiB", f"{len(content) / _MIB:.1f} MiB")
    if not content:
        raise MediaUndecodable(field, "holds no bytes")
    arguments = (bounds.max_duration_s, bounds.max_side_px, bounds.max_pixels, bounds.wanted_px)
    process = await start_confined(_WORKER, list(map(str, arguments)))
    try:
        await _feed(process, content)
        film = Film(process, field)
        await film.start()
        yield film
    finally:
        # The child may still be writing: what it has to say no longer matters.
        await kill(process)


async def _feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(content)
        await process.stdin.drain()
        process.stdin.close()
