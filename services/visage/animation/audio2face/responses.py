"""Our values → Audio2Face-3D's responses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from visage.animation.audio2face.face_shape import Array
from visage.animation.audio2face.protos import AnimationData, EmotionAggregate, Packed, Response, Spelling
from visage.animation.audio2face.remarks import Level
from visage.animation.controls import EmotionKey
from visage.media.emotions import EMOTIONS


def header_message(audio_header: Any | None, channels: Sequence[str]) -> Any:
    """The first message of every stream; without one the sample application breaks."""
    message = Response()
    header = message.animation_data_stream_header
    if audio_header is not None:
        header.audio_header.CopyFrom(audio_header)
    header.skel_animation_header.blend_shapes.extend(channels)
    header.start_time_code_since_epoch = time.time()
    return message


def frame_message(time_s: float, weights: Array, sound: bytes, emotions: Any | None) -> Any:
    """A frame: [channels] weights, its sound, and its emotions, packed."""
    data = AnimationData()
    data.skel_animation.blend_shape_weights.add(time_code=time_s, values=weights.tolist())
    if sound:
        data.audio.time_code = time_s
        data.audio.audio_buffer = sound
    if emotions is not None:
        data.metadata["emotion_aggregate"].CopyFrom(emotions)
    return Response(animation_data=data)


def emotions_message(time_s: float, shown: Array | None, begun: Sequence[EmotionKey], spelling: Spelling) -> Any | None:
    """The emotions of a frame, packed: [10] that the face shows, and those that were sent and begin; None for none."""
    if shown is None and not begun:
        return None
    aggregate = EmotionAggregate()
    for key in begun:
        aggregate.input_emotions.add(time_code=key.at_s, emotion=dict(key.weights))
    if shown is not None:
        aggregate.a2f_smoothed_output.add(time_code=time_s, emotion=dict(zip(EMOTIONS, shown.tolist(), strict=True)))
    return Packed(type_url=spelling.aggregate_type, value=aggregate.SerializeToString())


def end_message() -> Any:
    """The event that all audio has been animated."""
    message = Response()
    message.event.event_type = 0
    return message


def status_message(level: Level, text: str) -> Any:
    """A remark, or how the stream ended."""
    message = Response()
    message.status.code = int(level)
    message.status.message = text
    return message
