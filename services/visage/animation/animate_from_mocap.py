"""Motion capture to curves: a whole recording at its end, or a live one row by row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from visage.animation.controls import Controls
from visage.animation.mocap.live import LiveTake
from visage.animation.mocap.opening import Intake
from visage.animation.mocap.rows import Rows
from visage.animation.mocap.whole import MocapAnimation, clamped, frames_of, notices_of, performed
from visage.animation.stage import Notice, cut
from visage.animation.ticks import tick_at
from visage.media.curves import CurveBlock
from visage.runtime.errors import Overloaded

ROWS_HELD: Final = 250_000
"""About 100 MB: three recordings of the longest kind, or thirty of a minute."""
# Bytes above which reading a piece is moved off the event loop.
_LARGE_PIECE_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class MocapData:
    """The next bytes of a recording."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MocapControls:
    """Another setting, from where the recording now stands."""

    controls: Controls


Piece = MocapData | MocapControls


class AnimateFromMocap:
    """Makes curves from recordings."""

    def __init__(self, longest_s: float, rows_held: int = ROWS_HELD) -> None:
        """Takes the longest recording in seconds, and how many rows all recordings together may hold."""
        self._longest_s = longest_s
        self._rows_held = rows_held
        self._held = 0
        self._conditioning = asyncio.Semaphore(1)

    async def __call__(
        self, animation: MocapAnimation, pieces: AsyncIterator[Piece]
    ) -> AsyncGenerator[CurveBlock | Notice, None]:
        """Yields blocks and notices.

        Raises:
            InvalidField: A line, a header, a hierarchy or the density of rows breaks a limit.
            MediaTooLarge: There are too many bytes.
            MediaUndecodable: The bytes are no recording that is known.
            Overloaded: Other recordings leave no room for it.
            StreamTooLong: It lasts too long.
        """
        intake = Intake(animation.kind, animation.source_rate, self._longest_s, is_live=animation.is_live)
        answers = self._live(animation, intake, pieces) if animation.is_live else self._whole(animation, intake, pieces)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    async def _whole(
        self, animation: MocapAnimation, intake: Intake, pieces: AsyncIterator[Piece]
    ) -> AsyncGenerator[CurveBlock | Notice, None]:
        held = 0
        try:
            parts: list[Rows] = []
            places: list[tuple[int, Controls]] = []
            async for piece in pieces:
                if isinstance(piece, MocapControls):
                    places.append((intake.row_count, piece.controls))
                    continue
                parts.append(await _read(intake, piece.data))
                held += self._hold(intake.row_count - held)
            parts.append(await asyncio.to_thread(intake.finish))
            held += self._hold(intake.row_count - held)
            # One at a time: each takes a core, and several times the memory of its rows.
            async with self._conditioning:
                block, notices = await asyncio.to_thread(self._condition, animation, Rows.joined(parts), intake, places)
        finally:
            self._held -= held
        for notice in notices:
            yield notice
        for part in cut(block, animation.output.frames_per_block):
            yield part

    def _hold(self, rows: int) -> int:
        """Counts rows that a recording holds, and returns them; raises Overloaded where there is no room."""
        if self._held + rows > self._rows_held:
            raise Overloaded(f"recordings hold {self._held} rows, at most {self._rows_held} fit", retry_after_s=5.0)
        self._held += rows
        return rows

    def _condition(
        self, animation: MocapAnimation, rows: Rows, intake: Intake, places: list[tuple[int, Controls]]
    ) -> tuple[CurveBlock, list[Notice]]:
        frames, notices = frames_of(animation, rows, intake, self._longest_s)
        changes = {_tick(rows, place): controls for place, controls in places}
        block, more = performed(animation, frames, changes)
        return block, [*notices, *more]

    async def _live(
        self, animation: MocapAnimation, intake: Intake, pieces: AsyncIterator[Piece]
    ) -> AsyncGenerator[CurveBlock | Notice, None]:
        take = LiveTake(animation, intake, self._longest_s)
        size = animation.output.frames_per_block
        async for piece in pieces:
            if isinstance(piece, MocapControls):
                take.change(piece.controls)
                continue
            rows = await _read(intake, piece.data)
            for part in _parts(await asyncio.to_thread(take.push, rows), size):
                yield part
        rows = await asyncio.to_thread(intake.finish)
        for block in (take.push(rows), take.finish()):
            for part in _parts(block, size):
                yield part
        for notice in (*notices_of(intake), *clamped(take.controlled)):
            yield notice


async def _read(intake: Intake, data: bytes) -> Rows:
    if len(data) > _LARGE_PIECE_BYTES:
        return await asyncio.to_thread(intake.push, data)
    return intake.push(data)


def _parts(block: CurveBlock | None, size: int) -> Iterator[CurveBlock]:
    if block is not None:
        yield from cut(block, size)


def _tick(rows: Rows, place: int) -> int:
    """Tick at which the row at `place` starts; the end's where there is none."""
    if not len(rows):
        return 0
    time_s = rows.times[min(place, len(rows) - 1)] - rows.times[0]
    return max(0, tick_at(Fraction(float(time_s)).limit_denominator(1_000_000)))
