"""What a face feels that speaks in a style, where the caller gives no emotion."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from visage.media.emotions import STYLE_EMOTIONS
from visage.v1 import curves_pb2


def styled_controls(controls: curves_pb2.PerformanceControls, style: str) -> curves_pb2.PerformanceControls:
    """The setting with the emotion of a voice's style as its only key, unless it has keys of its own."""
    weights = STYLE_EMOTIONS.get(style)
    if controls.emotion_keys or weights is None:
        return controls
    styled = curves_pb2.PerformanceControls()
    styled.CopyFrom(controls)
    emotion = curves_pb2.EmotionWeights(weights=weights)
    styled.emotion_keys.add(start_offset=Duration(), emotion=emotion)
    return styled
