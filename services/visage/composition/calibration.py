"""What one composition process carries, measured: pictures from the renderer, and the encoder's share of the cores."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from fractions import Fraction
from typing import Final

import numpy as np

from visage.composition.mp4 import Mp4Writer
from visage.composition.pictures import video_frame
from visage.composition.ports import Renderer
from visage.composition.scene_limits import light_rows
from visage.composition.values import Avatar, Frames, Look, Mp4Delivery, Pixels
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import resting_poses
from visage.media.portrait import AVATAR_TENSORS, FRAME_PX, FRAMES_PER_ITEM
from visage.runtime.capacity import LIVE_FRAME_RATE, sustained_rate

_ENCODED_FRAMES: Final = 25
_RATE: Final = Fraction(25)


async def streams_carried(renderer: Renderer, side_by_side: int, cores: int, limit_s: float) -> float:
    """Returns how many live streams of 512 x 512 at 25 frames per second this process serves.

    The smaller of two: frames per second that the renderer gives to a synthetic avatar with `side_by_side` chunks in
    its hands, and frames per second that `cores` encode, by the encoder's own processor time. What other processes
    take from the renderer meanwhile is not there for this one either, and lowers the figure.

    Args:
        renderer: As streams use it.
        side_by_side: Chunks in flight, as many as all streams together may have.
        cores: That this process may count on.
        limit_s: Seconds for the renderer's part.

    Raises:
        ModelError: The renderer does not answer.
    """
    encoding_s = await asyncio.to_thread(encoding_cpu_s)
    rendered_fps = await rendered_frames_per_s(renderer, side_by_side, limit_s)
    return min(rendered_fps, cores / encoding_s) / LIVE_FRAME_RATE


async def rendered_frames_per_s(renderer: Renderer, side_by_side: int, limit_s: float) -> float:
    """Returns frames per second of a grey avatar that shuts and opens its mouth."""
    tensors = {spec.name: np.ones(spec.shape, spec.dtype) for spec in AVATAR_TENSORS}
    avatar = Avatar("calibration", tensors, sum(tensor.nbytes for tensor in tensors.values()))
    curves = np.zeros((FRAMES_PER_ITEM, CURVE_COUNT), np.float32)
    poses = resting_poses(FRAMES_PER_ITEM)
    async with renderer.open(avatar, Look(FRAME_PX, Pixels.YUV, light_rows(None))) as session:
        chunks_per_s = await sustained_rate(lambda: session.render(curves, poses, 10 * limit_s), side_by_side, limit_s)
    return chunks_per_s * FRAMES_PER_ITEM


def encoding_cpu_s() -> float:
    """Returns the seconds of one core that a frame of 512 x 512 takes to encode; a picture that moves throughout."""
    delivery = Mp4Delivery(is_mute=True)
    ramp = np.add.outer(np.arange(FRAME_PX * 3 // 2), np.arange(FRAME_PX)).astype(np.uint8)
    pictures: list[Frames] = [np.roll(ramp, 3 * index, 1) for index in range(_ENCODED_FRAMES)]
    silence = np.zeros(0, np.int16)
    with closing(Mp4Writer(FRAME_PX, FRAME_PX, _RATE, delivery, None)) as writer:
        started_s = time.thread_time()
        for picture in pictures:
            writer.add(video_frame(picture), silence)
        return (time.thread_time() - started_s) / _ENCODED_FRAMES
