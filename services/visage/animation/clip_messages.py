"""Messages of blending and retargeting ↔ their values."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.animation.blend_curves import HEAD, Layer
from visage.animation.channel_clips import ChannelClip
from visage.animation.retarget_curves import MapRow, Retargeting
from visage.media.curve_schemas import SCHEMAS
from visage.media.curves import resting_poses
from visage.runtime.channels import ChannelReader
from visage.runtime.errors import InvalidField, StreamTooLong
from visage.runtime.wire import blocks_of, frame_rate_of, seconds_of
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2

LONGEST_CLIP_S: Final = 60.0


def channel_clip_of(message: curves_pb2.CurveClip, field: str) -> ChannelClip:
    """Value of a clip of any layout.

    Raises:
        InvalidField: The header or a block is at fault, or the blocks leave gaps or overlap.
        StreamTooLong: It lasts more than a minute.
    """
    frame_rate = frame_rate_of(message.header.frame_rate)
    reader = ChannelReader.of(message.header, frame_rate, f"{field}.header")
    frames = sum(block.frame_count for block in message.blocks)
    if frames > LONGEST_CLIP_S * frame_rate:
        raise StreamTooLong(f"{LONGEST_CLIP_S:g} s", f"{float(frames / frame_rate):.1f} s")
    channels = SCHEMAS[reader.schema].channels
    columns = [channels.index(name) for name in reader.names]
    values = np.zeros((frames, len(channels)), np.float32)
    poses = resting_poses(frames)
    has_poses = False
    for path, block in blocks_of(message, field):
        rows = slice(block.start_frame, block.start_frame + block.frame_count)
        values[rows, columns] = reader.values(block, path)
        found = reader.poses(block, path)
        if found is not None:
            poses[rows], has_poses = found, True
    told = np.zeros(len(channels), bool)
    told[columns] = True
    return ChannelClip(reader.schema, frame_rate, values, told, poses if has_poses else None)


def layers_of(request: pb.BlendCurvesRequest, schema: str) -> list[Layer]:
    """Values of the layers of a mixture in `schema`; raises InvalidField and StreamTooLong."""
    return [_layer_of(layer, f"layers[{index}]", schema) for index, layer in enumerate(request.layers)]


def retargeting_of(request: pb.RetargetCurvesRequest, schema: str) -> Retargeting:
    """Value of a conversion into `schema`; raises InvalidField and StreamTooLong."""
    if request.identity:
        raise InvalidField("identity", "avatars do not tell the ranges of their faces; leave it empty")
    clip = channel_clip_of(request.clip, "clip")
    rows: list[MapRow] = []
    for index, row in enumerate(request.channel_maps):
        for name, part, known in ((row.target, "target", schema), (row.source, "source", clip.schema)):
            if name not in SCHEMAS[known].channels:
                raise InvalidField(f"channel_maps[{index}].{part}", f"{known} has no channel {name!r}")
        rows.append(MapRow(row.target, row.source, row.weight))
    return Retargeting(clip, rows)


def _layer_of(message: pb.BlendCurvesRequest.Layer, field: str, schema: str) -> Layer:
    known = {*SCHEMAS[schema].channels, HEAD}
    for index, name in enumerate(message.channel_mask):
        if name not in known:
            raise InvalidField(f"{field}.channel_mask[{index}]", f"{schema} has no channel {name!r}")
    times = {name: seconds_of(getattr(message, name)) for name in ("start_offset", "fade_in", "fade_out")}
    for name, length_s in times.items():
        if length_s < 0:
            raise InvalidField(f"{field}.{name}", "must not be negative", 0)
    return Layer(
        clip=channel_clip_of(message.clip, f"{field}.clip"),
        weight=message.weight if message.HasField("weight") else 1.0,
        mask=frozenset(message.channel_mask),
        start_s=times["start_offset"],
        fade_in_s=times["fade_in"],
        fade_out_s=times["fade_out"],
        is_additive=message.additive,
    )
