"""Blocks of any layout: values as the header names them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from visage.media.curve_schemas import SCHEMAS
from visage.media.curves import ARKIT_SCHEMA, POSE_COUNT
from visage.runtime.errors import InvalidField
from visage.v1 import curves_pb2

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChannelReader:
    """Reads blocks that follow a header.

    Attributes:
        schema: Resource name of the layout.
        names: Channels that are sent, in order.
        frame_rate: Frames per second.
        has_head_pose: Blocks carry poses.
    """

    schema: str
    names: tuple[str, ...]
    frame_rate: Fraction
    has_head_pose: bool

    @classmethod
    def of(cls, header: curves_pb2.CurveHeader, frame_rate: Fraction, field: str = "header") -> ChannelReader:
        """Returns the reader; raises InvalidField for an unknown schema or channel, `field` being the header's path."""
        known = SCHEMAS.get(header.schema or ARKIT_SCHEMA)
        if known is None:
            raise InvalidField(f"{field}.schema", f"unknown schema {header.schema!r}", ", ".join(SCHEMAS))
        if not header.schema and not header.channels:
            raise InvalidField(f"{field}.channels", "must be given where no schema is named")
        unknown = [
            (f"{field}.channels[{index}]", f"unknown channel {name!r}")
            for index, name in enumerate(header.channels)
            if name not in known.channels
        ]
        if unknown:
            raise InvalidField.of(unknown)
        return cls(known.name, tuple(header.channels) or known.channels, frame_rate, header.has_head_pose)

    def values(self, message: curves_pb2.CurveBlock, field: str = "block") -> Array:
        """Returns [frames, channels sent]; values are not clamped.

        Raises:
            InvalidField: Their number is not what the header and `frame_count` announce, or one is not finite.
        """
        expected = message.frame_count * len(self.names)
        if len(message.values) != expected:
            raise InvalidField(
                f"{field}.values",
                f"{len(message.values)} values, expected {message.frame_count} frames of {len(self.names)} channels",
                expected,
            )
        values = np.array(message.values, np.float32).reshape(message.frame_count, -1)
        if not np.isfinite(values).all():
            raise InvalidField(f"{field}.values", "must be finite")
        return values

    def poses(self, message: curves_pb2.CurveBlock, field: str = "block") -> Array | None:
        """[frames, 6] in degrees and millimetres; None where the block has none."""
        if not message.head_poses:
            return None
        allowed = message.frame_count if self.has_head_pose else 0
        if len(message.head_poses) != allowed:
            raise InvalidField(f"{field}.head_poses", f"{len(message.head_poses)} poses, expected {allowed}", allowed)
        rows = [
            (pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees, pose.x * 1e3, pose.y * 1e3, pose.z * 1e3)
            for pose in message.head_poses
        ]
        poses = np.array(rows, np.float32).reshape(-1, POSE_COUNT)
        if not np.isfinite(poses).all():
            raise InvalidField(f"{field}.head_poses", "must be finite")
        return poses
