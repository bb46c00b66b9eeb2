"""A clip in another layout and frame rate, by the layouts' own mapping or by the caller's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from visage.animation.blend_curves import channel_blocks, ignored, out_of_range
from visage.animation.channel_clips import Array, ChannelClip, at_rate, in_range, in_schema
from visage.animation.projection import ChannelBlock
from visage.animation.resampling import frame_count
from visage.animation.stage import Notice, Output
from visage.media.curve_schemas import SCHEMAS
from visage.media.curves import resting_poses


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row of a mapping: target += weight * source."""

    target: str
    source: str
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Retargeting:
    """A clip, and the rows of which the targets that they name are made."""

    clip: ChannelClip
    rows: Sequence[MapRow] = ()


async def retarget_curves(retargeting: Retargeting, output: Output) -> AsyncGenerator[ChannelBlock | Notice, None]:
    """Yields notices, then the blocks of the clip as it is wanted."""
    values, poses, notices = await asyncio.to_thread(retargeted, retargeting, output)
    for notice in notices:
        yield notice
    for block in channel_blocks(values, poses, output.frames_per_block):
        yield block


def retargeted(retargeting: Retargeting, output: Output) -> tuple[Array, Array, list[Notice]]:
    """Returns [frames, channels] values and [frames, 6] poses, and what was noticed."""
    source, channels = retargeting.clip, SCHEMAS[output.schema].channels
    clip, lost = in_schema(source, output.schema)
    if retargeting.rows:
        names = SCHEMAS[source.schema].channels
        values = clip.values.copy()
        values[:, [channels.index(target) for target in {row.target for row in retargeting.rows}]] = 0
        for row in retargeting.rows:
            values[:, channels.index(row.target)] += np.float32(row.weight) * source.values[:, names.index(row.source)]
        clip = replace(clip, values=values)
        used = {row.source for row in retargeting.rows}
        lost = [name for name in lost if name not in used]
    count = frame_count(clip.duration_s, output.frame_rate)
    made = at_rate(clip, output.frame_rate, 0.0, range(count))
    values, clamped = in_range(made.values, output.schema)
    poses = resting_poses(count) if made.poses is None else made.poses
    return values, poses, [*ignored(dict.fromkeys(lost)), *out_of_range(clamped)]
