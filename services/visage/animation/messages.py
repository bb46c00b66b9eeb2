"""Messages of the animation service ↔ its values."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from visage.animation.animate_from_audio import AudioAnimation, AudioPiece, ControlsPiece, Piece, TimingPiece
from visage.animation.audio_source import SourceFormat
from visage.animation.controls import Controls, EmotionKey
from visage.animation.ports import Utterance
from visage.animation.stage import DEFAULT_FRAMES_PER_BLOCK, Notice, NoticeKind, Output
from visage.animation.viseme_timing import timed_phones
from visage.media.arkit import CURVE_INDEX
from visage.media.curve_schemas import SCHEMAS
from visage.media.curves import ARKIT_SCHEMA
from visage.runtime.errors import InvalidField, StreamOutOfOrder
from visage.runtime.wire import duration_of, frame_rate_of
from visage.v1 import animation_service_pb2 as pb
from visage.v1 import curves_pb2, errors_pb2, media_pb2, speech_service_pb2

# Default share of the emotions that are heard, where none are given.
_HEARD_SHARE: Final = 0.5
_GAZE_YAW_DEGREES: Final = 30.0
_GAZE_PITCH_DEGREES: Final = 20.0
_HEADER_ENCODINGS: Final = (
    media_pb2.AUDIO_ENCODING_UNSPECIFIED,
    media_pb2.AUDIO_ENCODING_WAV,
    media_pb2.AUDIO_ENCODING_FLAC,
)
_NOTICE_KINDS: Final = {
    NoticeKind.AUDIO_SILENT: errors_pb2.StreamNotice.KIND_AUDIO_SILENT,
    NoticeKind.AUDIO_CLIPPED: errors_pb2.StreamNotice.KIND_AUDIO_CLIPPED,
    NoticeKind.FACE_LOST: errors_pb2.StreamNotice.KIND_FACE_LOST,
    NoticeKind.SEVERAL_FACES: errors_pb2.StreamNotice.KIND_SEVERAL_FACES,
    NoticeKind.VALUE_CLAMPED: errors_pb2.StreamNotice.KIND_VALUE_CLAMPED,
    NoticeKind.RECORDING_MENDED: errors_pb2.StreamNotice.KIND_RECORDING_MENDED,
    NoticeKind.CHANNEL_IGNORED: errors_pb2.StreamNotice.KIND_CHANNEL_IGNORED,
}


def animation_of(config: pb.AnimateFromAudioRequest.Config) -> AudioAnimation:
    """Value of a stream's first message; raises InvalidField where it contradicts itself."""
    return AudioAnimation(
        source=_source_of(config),
        output=output_of(config.output, "config.output"),
        controls=controls_of(config.controls, "config.controls"),
        is_timed=config.timed,
    )


def piece_of(request: pb.AnimateFromAudioRequest) -> Piece:
    """Value of a later message; raises StreamOutOfOrder for a second config."""
    kind = request.WhichOneof("request")
    if kind == "audio":
        return AudioPiece(request.audio)
    if kind == "controls":
        return ControlsPiece(controls_of(request.controls, "controls"))
    if kind == "timing":
        return TimingPiece(timed_phones(request.timing))
    raise StreamOutOfOrder("audio, timing or controls", str(kind))


def output_of(output: pb.CurveOutput, field: str = "output") -> Output:
    """Value of the shape wanted; raises InvalidField for a layout that does not exist."""
    schema = output.schema or ARKIT_SCHEMA
    if schema not in SCHEMAS:
        raise InvalidField(
            f"{field}.schema", f"unknown schema {schema!r}; known are {', '.join(SCHEMAS)}", ", ".join(SCHEMAS)
        )
    return Output(
        frame_rate_of(output.frame_rate),
        output.frames_per_block or DEFAULT_FRAMES_PER_BLOCK,
        schema,
        output.include_emotion,
    )


def controls_of(message: curves_pb2.PerformanceControls, field: str) -> Controls:
    """Value of a setting, absent fields at their defaults.

    Raises:
        InvalidField: A channel does not exist, or emotion keys do not ascend.
    """
    _check_channels(message.channel_gains, f"{field}.channel_gains")
    _check_channels(message.channel_offsets, f"{field}.channel_offsets")
    rest = Controls()

    def given(name: str, default: float) -> float:
        return float(getattr(message, name)) if message.HasField(name) else default

    return Controls(
        seed=message.seed,
        upper_face=given("upper_face_strength", rest.upper_face),
        lower_face=given("lower_face_strength", rest.lower_face),
        blinks_per_minute=given("blinks_per_minute", rest.blinks_per_minute),
        head_motion=given("head_motion_strength", rest.head_motion),
        gaze_motion=given("gaze_motion_strength", rest.gaze_motion),
        gains=dict(message.channel_gains),
        offsets=dict(message.channel_offsets),
        emotion_keys=_emotion_keys_of(message, f"{field}.emotion_keys"),
        detected_emotion_mix=given("detected_emotion_mix", _HEARD_SHARE if not message.emotion_keys else 0.0),
        emotion_strength=given("emotion_strength", rest.emotion_strength),
        gaze_degrees=(
            min(max(message.gaze_target.yaw_degrees, -_GAZE_YAW_DEGREES), _GAZE_YAW_DEGREES),
            min(max(message.gaze_target.pitch_degrees, -_GAZE_PITCH_DEGREES), _GAZE_PITCH_DEGREES),
        ),
        breathing=given("breathing_strength", rest.breathing),
    )


def clamped_gaze(message: curves_pb2.PerformanceControls) -> list[Notice]:
    """A notice for each angle of the gaze target that `controls_of` clamps."""
    target = message.gaze_target
    angles = (
        ("yaw_degrees", target.yaw_degrees, _GAZE_YAW_DEGREES),
        ("pitch_degrees", target.pitch_degrees, _GAZE_PITCH_DEGREES),
    )
    return [
        Notice(NoticeKind.VALUE_CLAMPED, Fraction(0), {"field": f"gaze_target.{name}"})
        for name, value, limit in angles
        if abs(value) > limit
    ]


def _emotion_keys_of(message: curves_pb2.PerformanceControls, field: str) -> tuple[EmotionKey, ...]:
    keys: list[EmotionKey] = []
    for index, key in enumerate(message.emotion_keys):
        at_s = key.start_offset.ToTimedelta().total_seconds()
        if at_s < (keys[-1].at_s if keys else 0.0):
            raise InvalidField(f"{field}[{index}].start_offset", "must not be negative or before the key ahead of it")
        keys.append(EmotionKey(at_s, dict(key.emotion.weights)))
    return tuple(keys)


def utterance_of(said: speech_service_pb2.SynthesisInput, options: speech_service_pb2.SynthesisOptions) -> Utterance:
    """Value of a text or document and how it would be spoken."""
    prosody = options.prosody
    return Utterance(
        said.text,
        options.voice,
        options.language_code,
        prosody.rate if prosody.HasField("rate") else None,
        prosody.pitch_semitones if prosody.HasField("pitch_semitones") else None,
        said.ssml,
        options.style,
        prosody.pitch_range if prosody.HasField("pitch_range") else None,
    )


def notice_message(notice: Notice) -> errors_pb2.StreamNotice:
    """Message for something noticed."""
    return errors_pb2.StreamNotice(
        kind=_NOTICE_KINDS[notice.kind],
        message=notice.kind.value,
        metadata=notice.details,
        at_offset=duration_of(Fraction(notice.at)),
    )


def _source_of(config: pb.AnimateFromAudioRequest.Config) -> SourceFormat:
    audio = config.audio_format
    if not config.HasField("audio_format"):
        return SourceFormat()
    if audio.encoding in _HEADER_ENCODINGS:
        if audio.encoding == media_pb2.AUDIO_ENCODING_UNSPECIFIED and audio.sample_rate_hertz:
            raise InvalidField("config.audio_format.encoding", "must be given with a sample rate", "LINEAR16")
        return SourceFormat(audio.sample_rate_hertz)
    if audio.encoding != media_pb2.AUDIO_ENCODING_LINEAR16:
        raise InvalidField("config.audio_format.encoding", "must be LINEAR16, WAV or FLAC", "LINEAR16, WAV, FLAC")
    if not audio.sample_rate_hertz:
        raise InvalidField("config.audio_format.sample_rate_hertz", "must be given for LINEAR16", "8000 to 48000")
    return SourceFormat(audio.sample_rate_hertz, audio.channel_count or 1, has_header=False)


def _check_channels(names: Iterable[str], field: str) -> None:
    unknown = [(f'{field}["{name}"]', "unknown channel") for name in sorted(names) if name not in CURVE_INDEX]
    if unknown:
        raise InvalidField.of(unknown)
