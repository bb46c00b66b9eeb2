"""How a face performs, from plain values: the one place that makes `PerformanceControls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visage.client import wire
from visage.v1 import curves_pb2

Emotion = Mapping[str, float]
"""Name → 0..1; emotions that are not named count as 0."""


def performance_controls(
    *,
    seed: int | None = None,
    emotion: Emotion | Sequence[tuple[float, Emotion]] | None = None,
    detected_emotion_mix: float | None = None,
    emotion_strength: float | None = None,
    gaze: tuple[float, float] | None = None,
    upper_face_strength: float | None = None,
    lower_face_strength: float | None = None,
    blinks_per_minute: float | None = None,
    head_motion_strength: float | None = None,
    gaze_motion_strength: float | None = None,
    breathing_strength: float | None = None,
    channel_gains: Mapping[str, float] | None = None,
    channel_offsets: Mapping[str, float] | None = None,
) -> curves_pb2.PerformanceControls:
    """Returns the message of how a face performs; what is None is left to the service.

    Args:
        seed: Same seed, same input: same curves.
        emotion: {"joy": 0.7} for the whole time, or [(0.0, {"joy": 0.7}), (1.5, {})]: emotions from these seconds on.
        detected_emotion_mix: 0 to 1, share of the emotions that are heard in the voice.
        emotion_strength: 0 to 2, scale of all emotions.
        gaze: Degrees to the right of the picture and up that the eyes look away from the viewer.
        upper_face_strength: 0 to 2, scale of brows, lids and cheeks.
        lower_face_strength: 0 to 2, scale of jaw, lips and tongue.
        blinks_per_minute: 0 to 60.
        head_motion_strength: 0 to 2.
        gaze_motion_strength: 0 to 2, scale of drift and saccades.
        breathing_strength: 0 to 2.
        channel_gains: Factor by channel, 0 to 4.
        channel_offsets: Offset by channel, -1 to 1.

    Raises:
        ValueError: A seed or a time that no message can hold.
    """
    if seed is not None and not -(2**63) <= seed < 2**63:
        raise ValueError(f"the seed must fit into 64 bits with a sign, not {seed}")
    controls = curves_pb2.PerformanceControls(
        seed=seed,
        upper_face_strength=upper_face_strength,
        lower_face_strength=lower_face_strength,
        blinks_per_minute=blinks_per_minute,
        head_motion_strength=head_motion_strength,
        gaze_motion_strength=gaze_motion_strength,
        channel_gains=channel_gains,
        channel_offsets=channel_offsets,
        detected_emotion_mix=detected_emotion_mix,
        emotion_strength=emotion_strength,
        breathing_strength=breathing_strength,
    )
    if emotion is not None:
        keys = [(0.0, emotion)] if isinstance(emotion, Mapping) else emotion
        for at_s, weights in keys:
            controls.emotion_keys.add(
                start_offset=wire.duration(at_s), emotion=curves_pb2.EmotionWeights(weights=weights)
            )
    if gaze is not None:
        controls.gaze_target.yaw_degrees, controls.gaze_target.pitch_degrees = gaze
    return controls
