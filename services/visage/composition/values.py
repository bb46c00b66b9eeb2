"""What composition speaks of: the scene to show, and the parts that a stream of pictures consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visage.media.frames import Picture, PixelLayout
from visage.media.portrait import FRAME_PX, Rect
from visage.v1 import curves_pb2, errors_pb2, media_pb2

Pcm = NDArray[np.int16]
Frames = NDArray[np.uint8]

DEFAULT_FRAGMENT_S: Final = Fraction(1, 2)
MIN_FRAME_RATE: Final = 10
MAX_FRAME_RATE: Final = 60


@dataclass(frozen=True, slots=True)
class Mp4Delivery:
    """Fragmented MP4. `bitrate_kbps` 0 means constant quality."""

    bitrate_kbps: int = 0
    fragment_duration_s: Fraction = DEFAULT_FRAGMENT_S
    is_mute: bool = False


@dataclass(frozen=True, slots=True)
class RawDelivery:
    """Uncompressed frames beside LINEAR16 sound."""

    layout: PixelLayout = PixelLayout.RGB24


@dataclass(frozen=True, slots=True)
class Video:
    """Size and form of the pictures; `frame_rate` is None where the caller leaves it to the performance."""

    width: int = FRAME_PX
    height: int = FRAME_PX
    frame_rate: Fraction | None = None
    delivery: Mp4Delivery | RawDelivery = Mp4Delivery()


class Framing(Enum):
    """What a picture holds at zoom 1: a rectangle of the canonical frame, in its pixels."""

    BUST = Rect(96, 0, 320, 512)
    HEAD = Rect(96, 8, 320, 428)
    FACE = Rect(146, 108, 220, 304)


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the viewer stands.

    Attributes:
        framing: What a picture holds at zoom 1.
        orbit: Yaw, pitch and roll in degrees, added to each head pose.
        zoom: 1 to 4, about the middle of the face.
        pan: To the right and down, in widths and heights of the picture.
    """

    framing: Framing = Framing.BUST
    orbit: tuple[float, float, float] = (0.0, 0.0, 0.0)
    zoom: float = 1.0
    pan: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class KeyLight:
    """A lamp: degrees to the right of the viewer and above the eyes, share of the photo's light it replaces, colour."""

    azimuth_degrees: float = 0.0
    elevation_degrees: float = 0.0
    intensity: float = 1.0
    color: str = "#ffffff"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who, where, how big. `background` is "#rrggbb", a picture to be read, or None for the photo's own.

    Camera and light may be out of range; `scene_limits` clamps them. `light` None is the photo's own.
    """

    identity: str
    video: Video = Video()
    background: str | media_pb2.MediaSource | None = None
    camera: Camera = Camera()
    light: KeyLight | None = None


@dataclass(frozen=True, slots=True)
class AvatarDownload:
    """Answer about an identity's avatar: sha256 of its bytes, and the bytes unless the caller has them already."""

    digest: str
    layout: str
    content: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class Avatar:
    """An identity's tensors for the renderer, by name, without batch axis; `digest` names their bytes."""

    digest: str
    tensors: Mapping[str, NDArray[Any]]
    byte_size: int


class Pixels(Enum):
    """What is asked of the renderer: the names of its outputs."""

    YUV = ("yuv",)
    """[8, size * 3 / 2, size] in I420."""
    RGB = ("frames",)
    """[8, size, size, 3]."""
    RGBA = ("frames", "alpha")
    """[8, size, size, 4] before a black background, hence premultiplied."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How an avatar is rendered.

    Attributes:
        size: Native size in pixels, one of `RENDER_SIZES`.
        pixels: What comes out.
        light: [8, 7], the renderer's input of that name.
        background: [size, size, 3] in place of the avatar's own.
    """

    size: int
    pixels: Pixels
    light: NDArray[np.float32]
    background: Picture | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Mono [samples] int16."""

    samples: Pcm
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the stream carries. `mime_type` is empty for raw frames, `layout` None for MP4.

    `sample_rate_hz` is that of sound beside raw frames, None where there is none.
    """

    width: int
    height: int
    frame_rate: Fraction
    mime_type: str = ""
    layout: PixelLayout | None = None
    sample_rate_hz: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A whole segment of an MP4: number 0 is the init segment, the others are one fragment each.

    `skew_s`: see `RawFrame`.
    """

    number: int
    start_s: Fraction
    duration_s: Fraction
    data: bytes
    skew_s: Fraction | None = None


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One uncompressed frame.

    `skew_s`: seconds by which the sound given out so far outlasts the pictures, this one included; negative where they
    lack sound, None in a stream without any.
    """

    index: int
    start_s: Fraction
    data: bytes
    skew_s: Fraction | None = None


@dataclass(frozen=True, slots=True)
class RawSound:
    """LINEAR16 samples beside raw frames."""

    start_s: Fraction
    sample_rate_hz: int
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face in a picture: landmarks [478, 3] in its pixels, embedding [128] of length 1."""

    landmarks: NDArray[np.float64]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ClipQuality:
    """Fields as the message of that name documents them; None where there was nothing to judge."""

    sampled_frames: int
    mean_similarity: float
    least_similarity: float
    lips_error_mm: float
    lips_correlation: float | None
    jaw_correlation: float | None
    shut_lips_gap_mm: float | None
    pose_error_degrees: float
    flicker_levels: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a stream; `first_frame_s` counts from the start of the call."""

    frame_count: int
    duration_s: Fraction
    first_frame_s: float
    stage_seconds: Mapping[str, float]
    quality: ClipQuality | None = None


Delivered: TypeAlias = Segment | RawFrame | RawSound
SideData: TypeAlias = curves_pb2.CurveHeader | curves_pb2.CurveBlock | curves_pb2.SpeechTiming | errors_pb2.StreamNotice
"""Passed on as it came."""
Part: TypeAlias = Header | Delivered | SideData | Summary
