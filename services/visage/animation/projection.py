"""Curves in the layout that a caller wants: the last step of every method that answers with curves."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from visage.media.curve_schemas import SCHEMAS, TONGUE_SCHEMA, VISEME_SCHEMA
from visage.media.curves import CurveBlock
from visage.media.tongue import TONGUE_COUNT, tongue_of
from visage.media.viseme_curves import visemes_of_curves, visemes_of_phones
from visage.runtime.wire import emotion_message, frame_rate_message, pose_messages
from visage.v1 import curves_pb2

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelBlock:
    """Consecutive frames that are in the wanted layout already: [frames, channels] values, [frames, 6] poses."""

    start_frame: int
    values: Array
    poses: Array
    emotions: None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """From blocks of 52 curves to messages of one layout.

    The tongue of arkit-68 is the one that was recorded, or follows the phones where they are known, or rests.
    visemes-15 follow the phones too; where none are known they are the visemes whose mouths are nearest.
    """

    schema: str

    def channels(self) -> tuple[str, ...]:
        """Names in order."""
        return SCHEMAS[self.schema].channels

    def values(self, block: CurveBlock) -> Array:
        """[frames, channels] of a block."""
        if self.schema == VISEME_SCHEMA:
            known = block.phones
            return visemes_of_curves(block.curves) if known is None else visemes_of_phones(known)
        if self.schema == TONGUE_SCHEMA:
            return np.concatenate([block.curves, _tongue(block)], axis=1)
        return block.curves

    def header_message(self, frame_rate: Fraction) -> curves_pb2.CurveHeader:
        """Header of blocks that `block_message` makes: all channels, with head poses."""
        return curves_pb2.CurveHeader(
            schema=self.schema,
            channels=self.channels(),
            frame_rate=frame_rate_message(frame_rate),
            has_head_pose=True,
        )

    def block_message(self, block: CurveBlock | ChannelBlock) -> curves_pb2.CurveBlock:
        """Message of a block."""
        values, emotions = (
            (self.values(block), block.emotions) if isinstance(block, CurveBlock) else (block.values, None)
        )
        return curves_pb2.CurveBlock(
            start_frame=block.start_frame,
            frame_count=len(values),
            values=values.ravel().tolist(),
            head_poses=None if block.poses is None else pose_messages(block.poses),
            emotion=None if emotions is None else emotion_message(emotions[0]),
        )


def _tongue(block: CurveBlock) -> Array:
    """[frames, 16] tongue shapes."""
    if block.tongue is not None:
        return block.tongue
    if block.phones is not None:
        return tongue_of(block.phones)
    return np.zeros((block.frame_count, TONGUE_COUNT), np.float32)
