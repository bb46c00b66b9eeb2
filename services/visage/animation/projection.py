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


@dataclass(frozen=True, slots=True)
class Projection:
    """From blocks of 52 curves to messages of one layout.

    The tongue of arkit-68 follows the phones where they are known, and rests elsewhere. visemes-15 follow the phones
    too; where none are known they are the visemes whose mouths are nearest.
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
            resting = np.zeros((block.frame_count, TONGUE_COUNT), np.float32)
            tongue = resting if block.phones is None else tongue_of(block.phones)
            return np.concatenate([block.curves, tongue], axis=1)
        return block.curves

    def header_message(self, frame_rate: Fraction) -> curves_pb2.CurveHeader:
        """Header of blocks that `block_message` makes: all channels, with head poses."""
        return curves_pb2.CurveHeader(
            schema=self.schema,
            channels=self.channels(),
            frame_rate=frame_rate_message(frame_rate),
            has_head_pose=True,
        )

    def block_message(self, block: CurveBlock) -> curves_pb2.CurveBlock:
        """Message of a block."""
        return curves_pb2.CurveBlock(
            start_frame=block.start_frame,
            frame_count=block.frame_count,
            values=self.values(block).ravel().tolist(),
            head_poses=None if block.poses is None else pose_messages(block.poses),
            emotion=None if block.emotions is None else emotion_message(block.emotions[0]),
        )
