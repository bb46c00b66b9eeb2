"""What is left of a stream that goes on: which frames are rendered, which parts are sent."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from visage.composition.mp4 import FIRST_FRAGMENT_FRAMES
from visage.composition.values import Delivered, Frames, Look, Mp4Delivery, Pixels, RawFrame, Segment, Video
from visage.media.portrait import FRAMES_PER_ITEM
from visage.media.timeline import Timeline
from visage.runtime import resumption
from visage.v1 import composition_service_pb2 as pb

_CHANNELS: Final = {Pixels.RGB: 3, Pixels.RGBA: 4}


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """After what the caller has: number of the next segment of an MP4, index of the next raw frame."""

    next_segment: int = 0
    next_frame: int = 0


FROM_THE_START: Final = ResumePoint()


def resume_point_of(message: pb.ResumePoint) -> ResumePoint:
    """Returns the point of a message."""
    return ResumePoint(message.next_segment, message.next_frame)


class Remainder:
    """Of one stream.

    Attributes:
        first_frame: Index of the first frame that is seen. Those before are replaced by blank ones: a fragment refers
            to no picture before it, and what is not sent need not be rendered.
    """

    def __init__(self, point: ResumePoint, video: Video, frame_rate: Fraction) -> None:
        self._point = point
        self._is_mp4 = isinstance(video.delivery, Mp4Delivery)
        self._next_frame = 0
        self.first_frame = point.next_frame
        if isinstance(video.delivery, Mp4Delivery):
            duration_s = video.delivery.fragment_duration_s
            self.first_frame = first_frame_of(point.next_segment, Timeline(frame_rate), duration_s)

    def wants(self, part: Delivered) -> bool:
        """Whether the caller lacks a part; to be asked about each, in their order."""
        if isinstance(part, Segment):
            return part.number >= self._point.next_segment
        if isinstance(part, RawFrame):
            self._next_frame = part.index + 1
            return part.index >= self._point.next_frame
        return self._next_frame >= self._point.next_frame

    def is_unseen(self, start: int, frame_count: int) -> bool:
        """Whether nothing of these frames is sent."""
        return start + frame_count <= self.first_frame


def first_frame_of(segment: int, timeline: Timeline, fragment_duration_s: Fraction) -> int:
    """Returns the index of the first frame of an MP4's segment; segment 1 starts with frame 0."""
    frame, number = 0, 1
    while number < segment:
        frame += 1
        number += frame == FIRST_FRAGMENT_FRAMES or timeline.starts_fragment(frame, fragment_duration_s)
    return frame


def blank_frames(look: Look) -> Frames:
    """Returns eight frames of the form that a look's pixels have, all zero."""
    if look.pixels is Pixels.YUV:
        return np.zeros((FRAMES_PER_ITEM, look.size * 3 // 2, look.size), np.uint8)
    return np.zeros((FRAMES_PER_ITEM, look.size, look.size, _CHANNELS[look.pixels]), np.uint8)


def note_taken(part: object) -> None:
    """Notes, for the details of a stream that ends too early, what its caller has taken whole."""
    if isinstance(part, Segment):
        resumption.note("next_segment", part.number + 1)
    elif isinstance(part, RawFrame):
        resumption.note("next_frame", part.index + 1)
