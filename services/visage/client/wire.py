"""Messages ↔ values, and media as inline bytes or assets."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any, Final

from google.protobuf import duration_pb2

from visage.client import values
from visage.v1 import (
    composition_service_pb2,
    curves_pb2,
    errors_pb2,
    identity_service_pb2,
    media_pb2,
    speech_service_pb2,
    voice_cloning_pb2,
)

_LONGEST_S: Final = 315_576_000_000
"""Of google.protobuf.Duration."""


def seconds(duration: duration_pb2.Duration) -> float:
    """Returns a duration in seconds."""
    return float(duration.seconds + duration.nanos / 1e9)


def duration(value_s: float) -> duration_pb2.Duration:
    """Returns the message of a length of time, to the nanosecond; raises ValueError beyond ±10,000 years."""
    if not abs(value_s) <= _LONGEST_S:
        raise ValueError(f"a length of time must be a number of seconds up to {_LONGEST_S}, not {value_s:g}")
    message = duration_pb2.Duration()
    message.FromNanoseconds(round(value_s * 1e9))
    return message


def frame_rate(fps: float) -> media_pb2.FrameRate:
    """Returns frames per second as the nearest ratio with a denominator of at most 1001.

    Raises ValueError for what is no number or beyond 32 bits.
    """
    if not abs(fps) < 2**31:
        raise ValueError(f"the frame rate must be a number of frames per second, not {fps:g}")
    ratio = Fraction(fps).limit_denominator(1001)
    return media_pb2.FrameRate(numerator=ratio.numerator, denominator=ratio.denominator)


def camera(value: values.Camera) -> composition_service_pb2.Camera:
    """Returns the message of a camera; raises ValueError for a framing that does not exist."""
    message = composition_service_pb2.Camera(zoom=value.zoom, pan_x=value.pan_x, pan_y=value.pan_y)
    message.framing = _enum_value(composition_service_pb2.Camera.Framing, "FRAMING_", value.framing, "framing")
    message.orbit.yaw_degrees = value.yaw_degrees
    message.orbit.pitch_degrees = value.pitch_degrees
    message.orbit.roll_degrees = value.roll_degrees
    return message


def key_light(value: values.KeyLight) -> composition_service_pb2.KeyLight:
    """Returns the message of a lamp."""
    return composition_service_pb2.KeyLight(
        azimuth_degrees=value.azimuth_degrees,
        elevation_degrees=value.elevation_degrees,
        intensity=value.intensity,
        color=value.color,
    )


def pixel_format(name: str) -> Any:
    """Returns the enum's value of "rgb24", "rgba32", "nv12" or "i420"; raises ValueError for another name."""
    return _enum_value(media_pb2.PixelFormat, "PIXEL_FORMAT_", name, "pixel format")


def _enum_value(enum: Any, prefix: str, name: str, what: str) -> Any:
    known = [key.removeprefix(prefix).lower() for key in list(enum.keys()) if not key.endswith("_UNSPECIFIED")]
    if name not in known:
        raise ValueError(f"unknown {what} {name!r}: it is one of {', '.join(known)}")
    return enum.Value(prefix + name.upper())


def identity(message: identity_service_pb2.Identity) -> values.Identity:
    """Returns an identity's value."""
    state = identity_service_pb2.Identity.State.Name(message.state).removeprefix("STATE_")
    report = photo_report(message.photo_report) if message.HasField("photo_report") else None
    return values.Identity(
        message.name, message.display_name, dict(message.labels), state, message.preview_asset, message.etag, report
    )


def photo_report(message: identity_service_pb2.PhotoReport) -> values.PhotoReport:
    """Returns a quality report's value."""
    names = [field.name for field in message.DESCRIPTOR.fields if field.message_type is not None]
    scores, measures, warnings = {}, {}, []
    for name in names:
        part = getattr(message, name)
        scores[name] = part.score
        for field in part.DESCRIPTOR.fields:
            if field.name not in ("score", "findings"):
                measures[f"{name}.{field.name}"] = getattr(part, field.name)
        warnings += [
            values.PhotoWarning(
                identity_service_pb2.PhotoReport.Reason.Name(finding.reason).removeprefix("REASON_").lower(),
                finding.message,
                finding.value,
                finding.limit,
            )
            for finding in part.findings
        ]
    return values.PhotoReport(message.score, scores, measures, tuple(warnings))


def voice(message: speech_service_pb2.Voice) -> values.Voice:
    """Returns a voice's value."""
    return values.Voice(
        message.name,
        message.display_name,
        tuple(message.language_codes),
        message.native_sample_rate_hertz,
        speech_service_pb2.Voice.Tier.Name(message.tier).removeprefix("TIER_").lower(),
        speech_service_pb2.Voice.Gender.Name(message.gender).removeprefix("GENDER_").lower(),
        message.license,
        tuple(message.styles),
        clone(message.clone) if message.HasField("clone") else None,
    )


def clone(message: voice_cloning_pb2.VoiceClone) -> values.Clone:
    """Returns what a cloned voice is made of."""
    return values.Clone(
        message.base_voice,
        message.similarity,
        message.base_similarity,
        message.ceiling,
        message.strength,
        message.intelligibility,
        message.consent_reference,
    )


def voice_name(name: str) -> str:
    """Returns the resource name of a voice, whose "voices/" may be left out."""
    return name if name.startswith("voices/") else f"voices/{name}"


def timing(message: curves_pb2.SpeechTiming) -> values.Timing:
    """Returns a timed transcript's value."""

    def span(text: str, item: Any, start: int = -1, end: int = -1) -> values.Span:
        return values.Span(text, seconds(item.start_offset), seconds(item.end_offset), start, end)

    return values.Timing(
        tuple(span(w.word, w, w.text_start, w.text_end) for w in message.words),
        tuple(span(p.phoneme, p) for p in message.phonemes),
        tuple(span(v.viseme, v) for v in message.visemes),
        tuple((mark.name, seconds(mark.offset)) for mark in message.marks),
        _track(message.prosody) if message.HasField("prosody") else None,
    )


def _track(message: curves_pb2.ProsodyTrack) -> values.ProsodyTrack:
    return values.ProsodyTrack(
        seconds(message.start_offset),
        tuple(message.f0_hertz),
        tuple(message.energy_dbfs),
        tuple(message.syllables_per_second),
    )


def notice(message: errors_pb2.StreamNotice) -> values.Notice:
    """Returns a notice's value."""
    kind = errors_pb2.StreamNotice.Kind.Name(message.kind).removeprefix("KIND_").lower()
    return values.Notice(kind, message.message, seconds(message.at_offset), dict(message.metadata))


def summary(message: composition_service_pb2.GenerationSummary) -> values.Summary:
    """Returns a summary's value."""
    return values.Summary(
        message.frame_count,
        seconds(message.media_duration),
        seconds(message.time_to_first_frame),
        dict(message.stage_seconds),
        _quality(message.quality) if message.HasField("quality") else None,
    )


def _quality(message: composition_service_pb2.ClipQuality) -> values.Quality:
    figures = {field.name: getattr(message, field.name) for field in dataclasses.fields(values.Quality)}
    for name in ("lips_correlation", "jaw_correlation", "shut_lips_gap_mm"):
        if not message.HasField(name):
            figures[name] = None
    return values.Quality(**figures)


def face_box(message: media_pb2.BoundingBox) -> tuple[float, float, float, float]:
    """Returns x, y, width, height."""
    return message.x, message.y, message.width, message.height
