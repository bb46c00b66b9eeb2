"""Curves in the portions that the renderer takes: eight frames, values within their bounds."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from visage.composition.notices import ClampNotices
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import CurveBlock, clamp_curves, clamp_poses, resting_poses
from visage.media.portrait import FRAMES_PER_ITEM


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Curves [8, 52] and poses [8, 6]; frames beyond `frame_count` repeat the last one and are not shown."""

    curves: NDArray[np.float32]
    poses: NDArray[np.float32]
    frame_count: int


class Chunker:
    """Cuts blocks of any length into chunks; tells which values are out of range.

    `orbit` (yaw, pitch, roll in degrees) is added to each head pose.
    """

    def __init__(
        self, frame_rate: Fraction, notices: ClampNotices, orbit: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> None:
        self._frame_rate = frame_rate
        self._notices = notices
        self._orbit = np.array([*orbit, 0, 0, 0], np.float32)

    async def chunks(self, blocks: AsyncIterable[CurveBlock]) -> AsyncIterator[Chunk]:
        """Yields full chunks as soon as they are, and the last one padded."""
        curves = np.zeros((0, CURVE_COUNT), np.float32)
        poses = resting_poses(0)
        async for block in blocks:
            new_curves, new_poses = await self._clamped(block)
            curves, poses = np.concatenate([curves, new_curves]), np.concatenate([poses, new_poses])
            while len(curves) >= FRAMES_PER_ITEM:
                yield Chunk(curves[:FRAMES_PER_ITEM], poses[:FRAMES_PER_ITEM], FRAMES_PER_ITEM)
                curves, poses = curves[FRAMES_PER_ITEM:], poses[FRAMES_PER_ITEM:]
        if len(curves):
            missing = (0, FRAMES_PER_ITEM - len(curves))
            padding = (missing, (0, 0))
            yield Chunk(np.pad(curves, padding, "edge"), np.pad(poses, padding, "edge"), len(curves))

    async def _clamped(self, block: CurveBlock) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        curves, channels = clamp_curves(block.curves)
        heads = resting_poses(block.frame_count) if block.poses is None else block.poses
        poses, fields = clamp_poses(heads + self._orbit)
        at_s = block.start_frame / self._frame_rate
        for name in channels:
            await self._notices.tell("channel", name, at_s)
        for name in fields:
            await self._notices.tell("field", name.removesuffix("_mm"), at_s)
        return curves, poses
