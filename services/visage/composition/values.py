"""What composition speaks of: the scene to show, and the parts that a stream of pictures consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visage.media.frames import PixelLayout
from visage.media.portrait import FRAME_PX, FRAMES_PER_ITEM, PHOTO_LIGHT
from visage.v1 import curves_pb2, errors_pb2, media_pb2

Pcm = NDArray[np.int16]
Frames = NDArray[np.uint8]

PHOTO_LIGHTS: Final[NDArray[np.float32]] = np.array([PHOTO_LIGHT] * FRAMES_PER_ITEM, np.float32)
"""The light of a chunk that keeps the photo's own, float32 [8, 7]."""
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


@dataclass(frozen=True, slots=True)
class Scene:
    """Who, where, how big. `background` is "#rrggbb", a picture to be read, or None for the photo's own."""

    identity: str
    video: Video = Video()
    background: str | media_pb2.MediaSource | None = None


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
    """A whole segment of an MP4: number 0 is the init segment, the others are one fragment each."""

    number: int
    start_s: Fraction
    duration_s: Fraction
    data: bytes


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One uncompressed frame."""

    index: int
    start_s: Fraction
    data: bytes


@dataclass(frozen=True, slots=True)
class RawSound:
    """LINEAR16 samples beside raw frames."""

    start_s: Fraction
    sample_rate_hz: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a stream; `first_frame_s` counts from the start of the call."""

    frame_count: int
    duration_s: Fraction
    first_frame_s: float
    stage_seconds: Mapping[str, float]


Delivered: TypeAlias = Segment | RawFrame | RawSound
SideData: TypeAlias = curves_pb2.CurveHeader | curves_pb2.CurveBlock | curves_pb2.SpeechTiming | errors_pb2.StreamNotice
"""Passed on as it came."""
Part: TypeAlias = Header | Delivered | SideData | Summary
