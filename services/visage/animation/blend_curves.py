"""Clips in layers: weights, masks, fades, offsets; what lies on top replaces or adds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.channel_clips import ChannelClip, at_rate, in_range, in_schema
from visage.animation.projection import ChannelBlock
from visage.animation.resampling import frame_count
from visage.animation.stage import Notice, NoticeKind, Output
from visage.media.curve_schemas import SCHEMAS
from visage.media.curves import resting_poses
from visage.media.windows import minimum_jerk
from visage.runtime.errors import StreamTooLong

Array = NDArray[np.float32]

HEAD: Final = "HeadPose"
"""What a mask calls the pose of the head."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One clip in a mixture.

    Attributes:
        clip: In its own layout and frame rate.
        weight: 0..1.
        mask: Channels of the result, and `HEAD`, that it touches; empty means all that the clip tells of.
        start_s: Where it starts in the result.
        fade_in_s: Seconds over which it comes in.
        fade_out_s: Seconds over which it goes.
        is_additive: It adds to what lies below.
    """

    clip: ChannelClip
    weight: float = 1.0
    mask: frozenset[str] = frozenset()
    start_s: float = 0.0
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    is_additive: bool = False

    @property
    def end_s(self) -> float:
        """Where it ends in the result."""
        return self.start_s + self.clip.duration_s


async def blend_curves(
    layers: Sequence[Layer], output: Output, longest_s: float
) -> AsyncGenerator[ChannelBlock | Notice, None]:
    """Yields notices, then the blocks of the mixture, which lasts until its last layer ends.

    Raises:
        StreamTooLong: That is over `longest_s`.
    """
    end_s = max(layer.end_s for layer in layers)
    if end_s > longest_s:
        raise StreamTooLong(f"{longest_s:g} s", f"{end_s:.1f} s")
    values, poses, notices = await asyncio.to_thread(blended, layers, output)
    for notice in notices:
        yield notice
    for block in channel_blocks(values, poses, output.frames_per_block):
        yield block


def blended(layers: Sequence[Layer], output: Output) -> tuple[Array, Array, list[Notice]]:
    """Returns [frames, channels] values and [frames, 6] poses of a mixture, and what was noticed."""
    channels = SCHEMAS[output.schema].channels
    frames = range(frame_count(max(layer.end_s for layer in layers), output.frame_rate))
    values, poses = np.zeros((len(frames), len(channels)), np.float32), resting_poses(len(frames))
    lost: dict[str, None] = {}
    for layer in layers:
        clip, missed = in_schema(layer.clip, output.schema)
        lost |= dict.fromkeys(missed)
        clip = at_rate(clip, output.frame_rate, layer.start_s, frames)
        weight = envelope(layer, output.frame_rate, frames)[:, None]
        touched = np.array([name in layer.mask for name in channels]) if layer.mask else clip.told
        values[:, touched] = _laid(values[:, touched], clip.values[:, touched], weight, layer)
        if clip.poses is not None and (not layer.mask or HEAD in layer.mask):
            poses = _laid(poses, clip.poses, weight, layer)
    values, clamped = in_range(values, output.schema)
    return values, poses, [*ignored(lost), *out_of_range(clamped)]


def envelope(layer: Layer, frame_rate: Fraction, frames: range) -> Array:
    """[frames] weight of a layer at the frames' middles: 0 outside of it, eased at both ends."""
    middles = (np.arange(frames.start, frames.stop) + 0.5) / float(frame_rate)
    # Half a frame at either end may lie beyond a clip whose rate is another.
    inside = (middles > layer.start_s) & (middles < layer.end_s)
    rise, fall = np.ones(len(middles)), np.ones(len(middles))
    if layer.fade_in_s > 0:
        rise = minimum_jerk((middles - layer.start_s) / layer.fade_in_s)
    if layer.fade_out_s > 0:
        fall = minimum_jerk((layer.end_s - middles) / layer.fade_out_s)
    weights: Array = (layer.weight * inside * rise * fall).astype(np.float32)
    return weights


def channel_blocks(values: Array, poses: Array, size: int) -> Iterator[ChannelBlock]:
    """Yields blocks of at most `size` frames."""
    for start in range(0, len(values), size):
        yield ChannelBlock(start, values[start : start + size], poses[start : start + size])


def ignored(names: dict[str, None]) -> Iterator[Notice]:
    """Yields what is told of channels that the result's layout does not have."""
    return (Notice(NoticeKind.CHANNEL_IGNORED, Fraction(0), {"channel": name}) for name in names)


def out_of_range(names: Sequence[str]) -> Iterator[Notice]:
    """Yields what is told of channels that had to be clamped."""
    return (Notice(NoticeKind.VALUE_CLAMPED, Fraction(0), {"channel": name}) for name in names)


def _laid(below: Array, above: Array, weight: Array, layer: Layer) -> Array:
    mixed: Array = below + weight * (above if layer.is_additive else above - below)
    return mixed
