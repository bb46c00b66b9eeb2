"""Our values → Audio2Face-3D's responses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from visage.animation.audio2face.face_shape import Array
from visage.animation.audio2face.protos import AnimationData, EmotionAggregate, Response, Spelling
from visage.animation.audio2face.remarks import Level
from visage.animation.controls import EmotionKey
from visage.media.arkit import CURVE_NAMES


def header_message(audio_header: Any | None) -> Any:
    """The first message of every stream; without one the sample application breaks."""
    message = Response()
    header = message.animation_data_stream_header
    if audio_header is not None:
        header.audio_header.CopyFrom(audio_header)
    header.skel_animation_header.blend_shapes.extend(CURVE_NAMES)
    header.start_time_code_since_epoch = time.time()
    return message


def frame_message(time_s: float, weights: Array, sound: bytes, begun: Sequence[EmotionKey], spelling: Spelling) -> Any:
    """A frame: [52] weights, its sound, and the emotions that were sent and begin in it."""
    data = AnimationData()
    data.skel_animation.blend_shape_weights.add(time_code=time_s, values=weights.tolist())
    if sound:
        data.audio.time_code = time_s
        data.audio.audio_buffer = sound
    if begun:
        aggregate = EmotionAggregate()
        for key in begun:
            aggregate.input_emotions.add(time_code=key.at_s, emotion=dict(key.weights))
        packed = data.metadata["emotion_aggregate"]
        packed.type_url = spelling.aggregate_type
        packed.value = aggregate.SerializeToString()
    return Response(animation_data=data)


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
