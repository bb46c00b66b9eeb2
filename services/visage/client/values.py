"""What the client takes and gives: plain values instead of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

Media = str | Path | bytes
"""A file's path, its bytes, or the name of an asset (`assets/…`)."""


@dataclass(frozen=True, slots=True)
class PhotoWarning:
    """What stands against a photo: the reason (of visage.v1.PhotoReport, lower case), value and limit in its unit."""

    reason: str
    message: str
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """How well a photo served; scores are 0..1, below 0.5 there is a warning.

    `scores` are by aspect (pose, resolution, sharpness, light, occlusion, expression, matte), `measures` by aspect and
    name (`pose.yaw_degrees`); units are in the names.
    """

    score: float
    scores: Mapping[str, float]
    measures: Mapping[str, float]
    warnings: Sequence[PhotoWarning]


@dataclass(frozen=True, slots=True)
class Identity:
    """A renderable face; `report` says how well its photo served, None where that is not known."""

    name: str
    display_name: str
    labels: Mapping[str, str]
    state: str
    preview_asset: str
    etag: str
    report: PhotoReport | None = None


@dataclass(frozen=True, slots=True)
class Clone:
    """What a cloned voice is made of; cosines of the speaker encoder, see `visage.v1.VoiceClone`."""

    base_voice: str
    similarity: float
    base_similarity: float
    ceiling: float
    strength: float
    intelligibility: float
    consent_reference: str


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of the speech service."""

    name: str
    display_name: str
    language_codes: Sequence[str]
    sample_rate_hz: int
    tier: str
    gender: str
    license: str
    styles: Sequence[str] = ()
    clone: Clone | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A word, IPA phoneme or viseme with its time in seconds; text offsets are code points, words only."""

    text: str
    start_s: float
    end_s: float
    text_start: int = -1
    text_end: int = -1


@dataclass(frozen=True, slots=True)
class ProsodyTrack:
    """How speech sounds every 10 ms from `start_s` on; F0 is 0 where nothing periodic sounds."""

    start_s: float
    f0_hz: Sequence[float]
    energy_dbfs: Sequence[float]
    syllables_per_s: Sequence[float]


@dataclass(frozen=True, slots=True)
class Timing:
    """Timed transcript; `marks` are SSML's names with their times in seconds, `prosody` is there if asked for."""

    words: Sequence[Span] = ()
    phonemes: Sequence[Span] = ()
    visemes: Sequence[Span] = ()
    marks: Sequence[tuple[str, float]] = ()
    prosody: ProsodyTrack | None = None


@dataclass(frozen=True, slots=True)
class Alignment:
    """A timed recording; confidences are 0..1, one for all and one for each word."""

    timing: Timing
    confidence: float
    word_confidences: Sequence[float]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Synthesised audio: a complete WAV file unless another encoding was asked for."""

    audio: bytes
    sample_rate_hz: int
    timing: Timing
    voice: str


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the viewer stands. What is out of range is clamped, and `Clip.notices` says so.

    Attributes:
        framing: What a picture holds at zoom 1: "bust", "head" or "face".
        yaw_degrees: Added to the head pose, -20 to 20; > 0 shows the face looking to the right edge of the picture.
        pitch_degrees: Likewise, -15 to 15; > 0 raises the face.
        roll_degrees: Likewise, -20 to 20; > 0 tilts it clockwise.
        zoom: 1 to 4, how much larger than the framing.
        pan_x: -0.5 to 0.5, moves the view to the right, in widths of the picture.
        pan_y: -0.5 to 0.5, moves it down, in heights.
    """

    framing: str = "bust"
    yaw_degrees: float = 0.0
    pitch_degrees: float = 0.0
    roll_degrees: float = 0.0
    zoom: float = 1.0
    pan_x: float = 0.0
    pan_y: float = 0.0


@dataclass(frozen=True, slots=True)
class KeyLight:
    """A lamp in place of the photo's own light. What is out of range is clamped, and `Clip.notices` says so.

    Attributes:
        azimuth_degrees: -90 to 90; > 0 stands to the right of the picture.
        elevation_degrees: -90 to 90; > 0 stands above the eyes.
        intensity: 0 to 1, how much of the photo's own light it replaces.
        color: "#rrggbb".
    """

    azimuth_degrees: float = 0.0
    elevation_degrees: float = 0.0
    intensity: float = 1.0
    color: str = "#ffffff"


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: box (x, y, width, height) and points [478, 3] in pixels, or its embedding [128]."""

    box: tuple[float, float, float, float]
    confidence: float
    points: npt.NDArray[np.float32] | None = None
    embedding: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a clip is, by a few of its frames; None where there was nothing to judge.

    mean_similarity, least_similarity: cosine of the face embeddings of frames and photo. lips_error_mm,
    lips_correlation: distance of the lips, found against asked for. jaw_correlation: the same of JawOpen.
    shut_lips_gap_mm: what is left open where M, B and P shut the lips. flicker_levels: change between equal frames.
    """

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
class RenderJob:
    """A film in the making: `state` is queued, running, done or failed; `media_s` seconds of it are stored.

    `asset` names the film once it is done; `error` says why it failed. At `expire_time` it goes, its film too; None
    while it is not done, or where it stays for ever.
    """

    name: str
    state: str
    media_s: float
    attempt_count: int
    create_time: datetime
    asset: str = ""
    error: str = ""
    expire_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a generation; stages overlap in time. quality: None unless it was asked for and could be measured."""

    frame_count: int
    duration_s: float
    time_to_first_frame_s: float
    stage_seconds: Mapping[str, float]
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the service noticed and went on; `metadata` as `visage.v1.StreamNotice.Kind` says."""

    kind: str
    message: str
    at_s: float
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Clip:
    """Progress and result of a generation, filled while it is received."""

    path: Path | None = None
    mime_type: str = ""
    byte_count: int = 0
    received_s: float = 0.0
    summary: Summary | None = None
    notices: list[Notice] = field(default_factory=list)
