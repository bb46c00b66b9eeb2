"""Messages ↔ values that more than one service needs: durations, frame rates, curves, timed phones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from google.protobuf.duration_pb2 import Duration
from numpy.typing import NDArray

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES
from visage.media.curve_schemas import SCHEMAS
from visage.media.curves import ARKIT_SCHEMA, CurveBlock, CurveClip
from visage.media.emotions import EMOTIONS
from visage.media.phone_timing import NO_STRESS, PRIMARY_STRESS, SECONDARY_STRESS
from visage.media.phones import VOWELS, TimedPhone, classes_of_ipa
from visage.runtime.channels import ChannelReader
from visage.runtime.errors import InvalidField
from visage.v1 import curves_pb2, media_pb2

DEFAULT_FRAME_RATE: Final = Fraction(25)
_NANOS: Final = 1_000_000_000
_STRESS_MARKS: Final = "ˈˌ"
TIME_TOLERANCE_S: Final = 1e-3
"""Times travel through floats and samples on their way; an overlap this short is rounding."""
# Weights below this are not worth a word.
_FELT: Final = 1e-3


def duration_of(seconds: float | Fraction) -> Duration:
    """Message for a length of time, to the nanosecond."""
    nanos = round(seconds * _NANOS)
    return Duration(seconds=nanos // _NANOS, nanos=nanos % _NANOS)


def seconds_of(duration: Duration) -> float:
    """Seconds of a message."""
    return float(duration.seconds) + float(duration.nanos) / _NANOS


def frame_rate_message(rate: Fraction) -> media_pb2.FrameRate:
    """Message for a number of frames per second."""
    return media_pb2.FrameRate(numerator=rate.numerator, denominator=rate.denominator)


def frame_rate_of(message: media_pb2.FrameRate) -> Fraction:
    """Frames per second of a message; an absent one (all zero) is 25."""
    if not message.numerator or not message.denominator:
        return DEFAULT_FRAME_RATE
    return Fraction(message.numerator, message.denominator)


def curve_header_message(frame_rate: Fraction) -> curves_pb2.CurveHeader:
    """Header of blocks that `curve_block_message` makes: all channels, with head poses."""
    return curves_pb2.CurveHeader(
        schema=ARKIT_SCHEMA,
        channels=CURVE_NAMES,
        frame_rate=frame_rate_message(frame_rate),
        has_head_pose=True,
    )


def curve_block_message(block: CurveBlock) -> curves_pb2.CurveBlock:
    """Message for a block with all channels; millimetres become metres."""
    return curves_pb2.CurveBlock(
        start_frame=block.start_frame,
        frame_count=block.frame_count,
        values=block.curves.ravel().tolist(),
        head_poses=None if block.poses is None else pose_messages(block.poses),
        emotion=None if block.emotions is None else emotion_message(block.emotions[0]),
    )


def pose_messages(poses: NDArray[np.float32]) -> list[curves_pb2.HeadPose]:
    """Messages for [frames, 6] poses; millimetres become metres."""
    scaled = poses.astype(np.float64) * (1, 1, 1, 1e-3, 1e-3, 1e-3)
    return [
        curves_pb2.HeadPose(yaw_degrees=yaw, pitch_degrees=pitch, roll_degrees=roll, x=x, y=y, z=z)
        for yaw, pitch, roll, x, y, z in scaled.tolist()
    ]


def emotion_message(weights: NDArray[np.float32]) -> curves_pb2.EmotionWeights:
    """Message for [10] weights; emotions that are not felt are left out."""
    felt = {name: weight for name, weight in zip(EMOTIONS, weights.tolist(), strict=True) if weight >= _FELT}
    return curves_pb2.EmotionWeights(weights=felt)


def curve_clip_message(clip: CurveClip, frames_per_block: int = 512) -> curves_pb2.CurveClip:
    """Message for a whole clip."""
    return curves_pb2.CurveClip(
        header=curve_header_message(clip.frame_rate),
        blocks=[curve_block_message(block) for block in clip.blocks(frames_per_block)],
    )


@dataclass(frozen=True, slots=True, eq=False)
class CurveReader:
    """Reads blocks of ARKit's curves that follow a header; the tongue of arkit-68 is left out.

    Attributes:
        channels: What is sent.
        columns: [channels] position of each sent channel in `CURVE_NAMES`, -1 for those that are left out.
    """

    channels: ChannelReader
    columns: NDArray[np.intp]

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""
        return self.channels.frame_rate

    @classmethod
    def of(cls, header: curves_pb2.CurveHeader, field: str = "header") -> CurveReader:
        """Returns the reader; raises InvalidField for an unknown schema or channel, `field` being the header's path."""
        channels = ChannelReader.of(header, frame_rate_of(header.frame_rate), field)
        if not SCHEMAS[channels.schema].is_face:
            faces = ", ".join(name for name, schema in SCHEMAS.items() if schema.is_face)
            raise InvalidField(f"{field}.schema", f"{channels.schema} is no whole face", faces)
        return cls(channels, np.array([CURVE_INDEX.get(name, -1) for name in channels.names], np.intp))

    def read(self, message: curves_pb2.CurveBlock, field: str = "block") -> CurveBlock:
        """Returns a block in ARKit order; values are not clamped.

        Raises:
            InvalidField: The number of values or poses is not what the header and `frame_count` announce, or a value
                is not finite.
        """
        values = self.channels.values(message, field)
        curves = np.zeros((message.frame_count, CURVE_COUNT), np.float32)
        is_shown = self.columns >= 0
        curves[:, self.columns[is_shown]] = values[:, is_shown]
        return CurveBlock(message.start_frame, curves, self.channels.poses(message, field))


def read_curve_clip(message: curves_pb2.CurveClip, field: str = "clip") -> CurveClip:
    """Returns the clip of a message.

    Raises:
        InvalidField: The header or a block is at fault, or the blocks leave gaps or overlap.
    """
    reader = CurveReader.of(message.header, f"{field}.header")
    return CurveClip.joined(reader.frame_rate, [reader.read(block, path) for path, block in blocks_of(message, field)])


def blocks_of(message: curves_pb2.CurveClip, field: str = "clip") -> Iterator[tuple[str, curves_pb2.CurveBlock]]:
    """Yields the path and the message of each block; raises InvalidField if they leave gaps or overlap."""
    frame = 0
    for index, block in enumerate(message.blocks):
        if block.start_frame != frame:
            raise InvalidField(f"{field}.blocks[{index}].start_frame", f"expected {frame}", frame)
        frame += block.frame_count
        yield f"{field}.blocks[{index}]", block


def phones_of(timing: curves_pb2.SpeechTiming, field: str = "timing") -> list[TimedPhone]:
    """Returns the phones of a timed transcript; a phoneme that joins several sounds shares its time among them.

    Where any phoneme carries a stress mark, vowels without one are unstressed; else all are neutral.

    Raises:
        InvalidField: Phonemes overlap, are out of order or end before they start.
    """
    is_marked = any(mark in span.phoneme for span in timing.phonemes for mark in _STRESS_MARKS)
    phones: list[TimedPhone] = []
    end_s = 0.0
    for index, span in enumerate(timing.phonemes):
        start_s, stop_s = seconds_of(span.start_offset), seconds_of(span.end_offset)
        path = f"{field}.phonemes[{index}]"
        if start_s < end_s - TIME_TOLERANCE_S:
            raise InvalidField(f"{path}.start_offset", f"starts before {end_s:.3f} s, the end of the one before it")
        if stop_s < start_s:
            raise InvalidField(f"{path}.end_offset", "ends before it starts")
        end_s = stop_s
        phones += _phones_of_span(span.phoneme, start_s, stop_s, is_marked)
    return phones


def _phones_of_span(ipa: str, start_s: float, end_s: float, is_marked: bool) -> Sequence[TimedPhone]:
    phones = classes_of_ipa(ipa)
    bounds = np.linspace(start_s, end_s, len(phones) + 1).tolist()
    unmarked = NO_STRESS if is_marked else SECONDARY_STRESS
    stress = PRIMARY_STRESS if "ˈ" in ipa else SECONDARY_STRESS if "ˌ" in ipa else unmarked
    return [
        TimedPhone(phone, bounds[index], bounds[index + 1], stress if phone in VOWELS else 1.0)
        for index, phone in enumerate(phones)
    ]
