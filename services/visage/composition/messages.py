"""Messages ↔ values of the composition service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from visage.composition.values import (
    DEFAULT_FRAGMENT_S,
    Camera,
    ClipQuality,
    Framing,
    Header,
    KeyLight,
    Mp4Delivery,
    Part,
    RawDelivery,
    RawFrame,
    RawSound,
    Scene,
    Segment,
    Summary,
    Video,
)
from visage.media.frames import PixelLayout
from visage.media.portrait import FRAME_PX
from visage.runtime.wire import duration_of, frame_rate_message, frame_rate_of
from visage.v1 import composition_service_pb2 as pb
from visage.v1 import curves_pb2, errors_pb2, media_pb2

FRAGMENT_PART_BYTES: Final = 256 * 1024
FRAME_PART_BYTES: Final = 1024 * 1024
SOUND_PART_BYTES: Final = 64 * 1024

_LAYOUTS: Final = {
    media_pb2.PIXEL_FORMAT_UNSPECIFIED: PixelLayout.RGB24,
    media_pb2.PIXEL_FORMAT_RGB24: PixelLayout.RGB24,
    media_pb2.PIXEL_FORMAT_NV12: PixelLayout.NV12,
    media_pb2.PIXEL_FORMAT_I420: PixelLayout.I420,
    media_pb2.PIXEL_FORMAT_RGBA32: PixelLayout.RGBA32,
}
_PIXEL_FORMATS: Final = {
    PixelLayout.RGB24: media_pb2.PIXEL_FORMAT_RGB24,
    PixelLayout.NV12: media_pb2.PIXEL_FORMAT_NV12,
    PixelLayout.I420: media_pb2.PIXEL_FORMAT_I420,
    PixelLayout.RGBA32: media_pb2.PIXEL_FORMAT_RGBA32,
}
_FRAMINGS: Final = {
    pb.Camera.FRAMING_UNSPECIFIED: Framing.BUST,
    pb.Camera.FRAMING_BUST: Framing.BUST,
    pb.Camera.FRAMING_HEAD: Framing.HEAD,
    pb.Camera.FRAMING_FACE: Framing.FACE,
}
_WHITE: Final = "#ffffff"
_SIDE_DATA: Final[dict[type, str]] = {
    curves_pb2.CurveHeader: "curve_header",
    curves_pb2.CurveBlock: "curves",
    curves_pb2.SpeechTiming: "timing",
    errors_pb2.StreamNotice: "notice",
}
_SAMPLE_BYTES: Final = 2


def scene_of(message: pb.Scene) -> Scene:
    """Returns the scene of a message that keeps its rules."""
    background: str | media_pb2.MediaSource | None = None
    kind = message.background.WhichOneof("background")
    if kind is not None:
        background = message.background.color if kind == "color" else message.background.image
    light = _light_of(message.light) if message.HasField("light") else None
    return Scene(message.identity, _video_of(message.video), background, _camera_of(message.camera), light)


def _camera_of(message: pb.Camera) -> Camera:
    orbit = message.orbit.yaw_degrees, message.orbit.pitch_degrees, message.orbit.roll_degrees
    return Camera(_FRAMINGS[message.framing], orbit, message.zoom or 1.0, (message.pan_x, message.pan_y))


def _light_of(message: pb.KeyLight) -> KeyLight:
    intensity = message.intensity if message.HasField("intensity") else 1.0
    return KeyLight(message.azimuth_degrees, message.elevation_degrees, intensity, message.color or _WHITE)


def _video_of(message: media_pb2.VideoOutput) -> Video:
    delivery: Mp4Delivery | RawDelivery
    if message.WhichOneof("delivery") == "raw_frames":
        delivery = RawDelivery(_LAYOUTS[message.raw_frames.pixel_format])
    else:
        mp4 = message.fragmented_mp4
        delivery = Mp4Delivery(mp4.bitrate_kbps, _exact_seconds(mp4.fragment_duration) or DEFAULT_FRAGMENT_S, mp4.mute)
    frame_rate = frame_rate_of(message.frame_rate) if message.HasField("frame_rate") else None
    return Video(message.width or FRAME_PX, message.height or FRAME_PX, frame_rate, delivery)


def _exact_seconds(duration: Duration) -> Fraction:
    return duration.seconds + Fraction(duration.nanos, 10**9)


def header_message(header: Header) -> pb.PictureHeader:
    """Returns the first message's content."""
    message = pb.PictureHeader(
        width=header.width,
        height=header.height,
        frame_rate=frame_rate_message(header.frame_rate),
        mime_type=header.mime_type,
    )
    if header.layout is not None:
        message.pixel_format = _PIXEL_FORMATS[header.layout]
    if header.sample_rate_hz is not None:
        message.audio_format.encoding = media_pb2.AUDIO_ENCODING_LINEAR16
        message.audio_format.sample_rate_hertz = header.sample_rate_hz
        message.audio_format.channel_count = 1
    return message


def segment_messages(segment: Segment) -> Iterator[media_pb2.VideoFragmentPart]:
    """Yields a segment in parts of at most 256 KiB, each with the whole segment's times."""
    kind = media_pb2.VideoFragmentPart.KIND_MEDIA if segment.number else media_pb2.VideoFragmentPart.KIND_INIT
    for start in range(0, len(segment.data), FRAGMENT_PART_BYTES):
        end = start + FRAGMENT_PART_BYTES
        yield media_pb2.VideoFragmentPart(
            kind=kind,
            sequence_number=segment.number,
            start_offset=duration_of(segment.start_s),
            duration=duration_of(segment.duration_s),
            data=segment.data[start:end],
            end_of_segment=end >= len(segment.data),
        )


def frame_messages(frame: RawFrame) -> Iterator[media_pb2.FramePart]:
    """Yields a frame in parts of at most 1 MiB."""
    for start in range(0, len(frame.data), FRAME_PART_BYTES):
        end = start + FRAME_PART_BYTES
        yield media_pb2.FramePart(
            frame_index=frame.index,
            pts_offset=duration_of(frame.start_s),
            byte_offset=start,
            data=frame.data[start:end],
            end_of_frame=end >= len(frame.data),
        )


def sound_messages(sound: RawSound) -> Iterator[media_pb2.AudioChunk]:
    """Yields sound in parts of at most 64 KiB."""
    for start in range(0, len(sound.data), SOUND_PART_BYTES):
        start_s = sound.start_s + Fraction(start, _SAMPLE_BYTES * sound.sample_rate_hz)
        yield media_pb2.AudioChunk(start_offset=duration_of(start_s), data=sound.data[start : start + SOUND_PART_BYTES])


def summary_message(summary: Summary) -> pb.GenerationSummary:
    """Returns the last message's content."""
    message = pb.GenerationSummary(
        frame_count=summary.frame_count,
        media_duration=duration_of(summary.duration_s),
        time_to_first_frame=duration_of(summary.first_frame_s),
        stage_seconds=summary.stage_seconds,
    )
    if summary.quality is not None:
        message.quality.CopyFrom(_quality_message(summary.quality))
    return message


def _quality_message(quality: ClipQuality) -> pb.ClipQuality:
    # The value's fields are the message's; None leaves one absent.
    return pb.ClipQuality(**{field.name: getattr(quality, field.name) for field in fields(quality)})


def contents_of(part: Part) -> Iterator[dict[str, Any]]:
    """Yields what the messages of a part hold: the field of the response and its value."""
    if isinstance(part, Segment):
        yield from ({"fragment": message} for message in segment_messages(part))
    elif isinstance(part, RawFrame):
        yield from ({"frame": message} for message in frame_messages(part))
    elif isinstance(part, RawSound):
        yield from ({"audio": message} for message in sound_messages(part))
    elif isinstance(part, Header):
        yield {"header": header_message(part)}
    elif isinstance(part, Summary):
        yield {"summary": summary_message(part)}
    else:
        yield {_SIDE_DATA[type(part)]: part}
