"""Performances as values: curves, layers of a mixture, what was noticed on the way; and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from google.protobuf import duration_pb2

from visage.client import wire
from visage.client.values import Notice, Span
from visage.v1 import animation_service_pb2, curves_pb2, driving_pb2

ARKIT_SCHEMA: Final = "curveSchemas/arkit-52"
_SCHEMAS: Final = "curveSchemas/"


@dataclass(frozen=True, slots=True)
class Tracking:
    """How well a driving video was followed; `residual_mm` is the mean error of its landmarks on a usual head."""

    source_frames: int
    lost_frames: int
    face_count: int
    source_frame_rate: float
    residual_mm: float


@dataclass(frozen=True, slots=True)
class Curves:
    """A performance.

    Attributes:
        channels: Names, in the order of the columns.
        frame_rate: Frames per second; frame j shows the middle of its interval, (j + 0.5) / frame_rate seconds.
        values: [frames, channels] float32, 0..1.
        poses: [frames, 6] yaw, pitch, roll in degrees, x, y, z in metres.
        schema: Resource name of the layout that the channels come from.
        notices: What the service noticed and went on.
        tracking: How well a driving video was followed; None for all else.
    """

    channels: Sequence[str]
    frame_rate: float
    values: npt.NDArray[np.float32]
    poses: npt.NDArray[np.float32]
    schema: str = ARKIT_SCHEMA
    notices: Sequence[Notice] = ()
    tracking: Tracking | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One clip in a mixture.

    Attributes:
        curves: The clip.
        weight: 0..1.
        channel_mask: Channels that it touches, and "HeadPose"; empty means all that it has.
        start_s: Where it starts in the result.
        fade_in_s: Seconds over which it comes in.
        fade_out_s: Seconds over which it goes.
        additive: It adds to what lies below instead of replacing it.
    """

    curves: Curves
    weight: float = 1.0
    channel_mask: Sequence[str] = ()
    start_s: float = 0.0
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    additive: bool = False


def schema_name(schema: str) -> str:
    """Returns the resource name of a layout, whose "curveSchemas/" may be left out; empty stays empty."""
    return schema if not schema or schema.startswith(_SCHEMAS) else f"{_SCHEMAS}{schema}"


def curve_output(fps: float, schema: str = "") -> animation_service_pb2.CurveOutput:
    """Returns the message of the shape wanted."""
    return animation_service_pb2.CurveOutput(frame_rate=wire.frame_rate(fps), schema=schema_name(schema))


def driving_options(
    *,
    relative: bool = False,
    face_index: int = 0,
    head_motion_strength: float | None = None,
    smoothing: float | None = None,
) -> driving_pb2.DrivingOptions:
    """Returns the message of how a driving video moves a face; what is None is left to the service.

    Args:
        relative: Motion counts from the first usable frame, instead of from the driver's neutral face.
        face_index: Which of several faces, from the largest, 0 to 9.
        head_motion_strength: 0 to 2, scale of the head motion that is taken over.
        smoothing: 0 to 1, temporal smoothing without lag.
    """
    options = driving_pb2.DrivingOptions
    return options(
        reference=options.REFERENCE_FIRST_FRAME if relative else options.REFERENCE_UNSPECIFIED,
        face_index=face_index,
        head_motion_strength=head_motion_strength,
        smoothing=smoothing,
    )


def curve_clip(curves: Curves, frames_per_block: int = 256) -> curves_pb2.CurveClip:
    """Returns the message of a clip."""
    header = curves_pb2.CurveHeader(
        schema=curves.schema,
        channels=list(curves.channels),
        frame_rate=wire.frame_rate(curves.frame_rate),
        has_head_pose=True,
    )
    clip = curves_pb2.CurveClip(header=header)
    for start in range(0, len(curves.values), frames_per_block):
        rows = curves.values[start : start + frames_per_block]
        clip.blocks.add(
            start_frame=start,
            frame_count=len(rows),
            values=rows.reshape(-1).tolist(),
            head_poses=[
                curves_pb2.HeadPose(yaw_degrees=p[0], pitch_degrees=p[1], roll_degrees=p[2], x=p[3], y=p[4], z=p[5])
                for p in curves.poses[start : start + frames_per_block].tolist()
            ],
        )
    return clip


def layer_message(layer: Layer) -> animation_service_pb2.BlendCurvesRequest.Layer:
    """Returns the message of one layer."""
    return animation_service_pb2.BlendCurvesRequest.Layer(
        clip=curve_clip(layer.curves),
        weight=layer.weight,
        channel_mask=layer.channel_mask,
        start_offset=wire.duration(layer.start_s),
        fade_in=wire.duration(layer.fade_in_s),
        fade_out=wire.duration(layer.fade_out_s),
        additive=layer.additive,
    )


def channel_map(target: str, source: str, weight: float = 1.0) -> curves_pb2.ChannelMap:
    """Returns one row of a mapping: target += weight * source."""
    return curves_pb2.ChannelMap(target=target, source=source, weight=weight)


def visemes_timing(visemes: Sequence[Span]) -> curves_pb2.SpeechTiming:
    """Returns the message of visemes over time."""
    spans = [
        curves_pb2.VisemeSpan(viseme=span.text, start_offset=start, end_offset=end)
        for span, start, end in _timed(visemes)
    ]
    return curves_pb2.SpeechTiming(visemes=spans)


def phonemes_timing(phonemes: Sequence[Span]) -> curves_pb2.SpeechTiming:
    """Returns the message of IPA phonemes over time."""
    spans = [
        curves_pb2.PhonemeSpan(phoneme=span.text, start_offset=start, end_offset=end)
        for span, start, end in _timed(phonemes)
    ]
    return curves_pb2.SpeechTiming(phonemes=spans)


def _timed(spans: Sequence[Span]) -> list[tuple[Span, duration_pb2.Duration, duration_pb2.Duration]]:
    return [(span, wire.duration(span.start_s), wire.duration(span.end_s)) for span in spans]


class CurveCollector:
    """Joins the responses of one stream of curves into a clip."""

    def __init__(self) -> None:
        self._header = curves_pb2.CurveHeader()
        self._blocks: list[curves_pb2.CurveBlock] = []
        self._notices: list[Notice] = []
        self._tracking: Tracking | None = None

    def take(
        self,
        response: animation_service_pb2.AnimateFromAudioResponse | animation_service_pb2.AnimateFromVideoResponse,
    ) -> None:
        """Takes the next response of any Animate… method; they have one shape."""
        kind = response.WhichOneof("response")
        if kind == "header":
            self._header = response.header
        elif kind == "block":
            self._blocks.append(response.block)
        elif kind == "notice":
            self._notices.append(wire.notice(response.notice))
        elif isinstance(response, animation_service_pb2.AnimateFromVideoResponse):
            self._tracking = tracking(response.report)

    def clip(self) -> Curves:
        """Returns what has come."""
        header, blocks = self._header, self._blocks
        channel_count = len(header.channels)
        rows = [np.asarray(block.values, np.float32).reshape(block.frame_count, channel_count) for block in blocks]
        poses = [
            (p.yaw_degrees, p.pitch_degrees, p.roll_degrees, p.x, p.y, p.z)
            for block in blocks
            for p in block.head_poses
        ]
        frames = np.concatenate(rows) if rows else np.zeros((0, channel_count), np.float32)
        pose_rows = np.asarray(poses, np.float32).reshape(-1, 6)
        if len(pose_rows) == 0:
            pose_rows = np.zeros((len(frames), 6), np.float32)
        rate = header.frame_rate.numerator / header.frame_rate.denominator
        return Curves(
            tuple(header.channels), rate, frames, pose_rows, header.schema, tuple(self._notices), self._tracking
        )


def tracking(message: driving_pb2.TrackingReport) -> Tracking:
    """Returns a report's value."""
    rate = message.source_frame_rate
    return Tracking(
        message.source_frames,
        message.lost_frames,
        message.face_count,
        rate.numerator / rate.denominator if rate.denominator else 0.0,
        message.residual_mm,
    )
