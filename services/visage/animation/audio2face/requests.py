"""Audio2Face-3D's stream header → our controls, face shape and mixing of emotions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from visage.animation.audio2face.bounds import bounded
from visage.animation.audio2face.emotion_keys import EmotionMixing, read_weights
from visage.animation.audio2face.face_shape import Array, FaceShape
from visage.animation.audio2face.remarks import Remarks
from visage.animation.controls import Controls, EmotionKey
from visage.media.tongue import TONGUE_NAMES
from visage.runtime.errors import InvalidField

LOWEST_RATE_HZ: Final = 16_000
HIGHEST_RATE_HZ: Final = 144_000
LONGEST_BUFFER_S: Final = 10.0
BITS_PER_SAMPLE: Final = 16
FLOAT_PARAMS: Final[dict[str, tuple[float, float, float]]] = {
    "skinStrength": (0.0, 2.0, 1.0),
    "upperFaceStrength": (0.0, 2.0, 1.0),
    "lowerFaceStrength": (0.0, 2.0, 1.0),
    "blinkStrength": (0.0, 2.0, 1.0),
    "eyelidOpenOffset": (-1.0, 1.0, 0.0),
    "lipOpenOffset": (-0.2, 0.2, 0.0),
    "upperFaceSmoothing": (0.0, 0.1, 0.0),
    "lowerFaceSmoothing": (0.0, 0.1, 0.0),
    "tongueStrength": (0.0, 3.0, 1.0),
}
"""Face parameter → lowest, highest and default value."""
WITHOUT_EFFECT: Final = (
    "faceMaskLevel",
    "faceMaskSoftness",
    "inputStrength",
    "predictionDelay",
    "blinkOffset",
    "tongueHeightOffset",
    "tongueDepthOffset",
    "lowerTeethStrength",
    "lowerTeethHeightOffset",
    "lowerTeethDepthOffset",
)
"""Face parameters of Audio2Face-3D that nothing here corresponds to."""
_EMOTION_PARAMS_WITHOUT_EFFECT: Final = ("emotion_contrast", "live_blend_coef", "max_emotions")
_HIGHEST_STRENGTH: Final = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What a clip is and how it is to be performed."""

    sample_rate_hz: int
    controls: Controls
    shape: FaceShape
    mixing: EmotionMixing


def read_order(header: Any, channels: Sequence[str], remarks: Remarks) -> Order:
    """Returns what a stream header asks for.

    Args:
        header: The message.
        channels: Names of the blend shapes that are sent.
        remarks: Told of what is clamped, unknown or without an effect.

    Raises:
        InvalidField: Another audio format, or a number that is not finite.
    """
    _check_audio(header.audio_header)
    face = _read_face(header.face_params, remarks)
    post, field = header.emotion_post_processing_params, "emotion_post_processing_params"
    ignored = [name for name in _EMOTION_PARAMS_WITHOUT_EFFECT if post.HasField(name)]
    if header.emotion_params.HasField("live_transition_time"):
        ignored.append("live_transition_time")
    if ignored:
        remarks.inform(f"without an effect here: {', '.join(ignored)}")
    sent_share, strength = 1.0, 1.0
    if post.HasField("preferred_emotion_strength"):
        name = f"{field}.preferred_emotion_strength"
        sent_share = bounded(post.preferred_emotion_strength, 0, 1, name, remarks)
    if post.HasField("emotion_strength"):
        strength = bounded(post.emotion_strength, 0, _HIGHEST_STRENGTH, f"{field}.emotion_strength", remarks)
    beginning = read_weights(header.emotion_params.beginning_emotion, "emotion_params.beginning_emotion", remarks)
    return Order(
        header.audio_header.samples_per_second,
        Controls(
            upper_face=min(face["upperFaceStrength"] * face["skinStrength"], _HIGHEST_STRENGTH),
            lower_face=min(face["lowerFaceStrength"] * face["skinStrength"], _HIGHEST_STRENGTH),
            # No pose is sent back: eyes must not make up for a head that the client does not turn.
            head_motion=0.0,
            breathing=0.0,
            emotion_strength=strength,
        ),
        _read_shape(face, header.blendshape_params, channels, remarks),
        EmotionMixing(
            not post.HasField("enable_preferred_emotion") or post.enable_preferred_emotion,
            sent_share,
            EmotionKey(0.0, beginning) if any(beginning.values()) else None,
        ),
    )


def _check_audio(audio: Any) -> None:
    """Raises InvalidField that names everything that is wrong."""
    field = "audio_stream_header.audio_header"
    wrong: list[tuple[str, str]] = []
    if audio.audio_format != 0:
        wrong.append((f"{field}.audio_format", "must be AUDIO_FORMAT_PCM"))
    if audio.channel_count != 1:
        wrong.append((f"{field}.channel_count", f"must be 1, it is {audio.channel_count}"))
    if audio.bits_per_sample != BITS_PER_SAMPLE:
        wrong.append((f"{field}.bits_per_sample", f"must be {BITS_PER_SAMPLE}, it is {audio.bits_per_sample}"))
    rate_hz = audio.samples_per_second
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        must = f"must be {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}, it is {rate_hz}"
        wrong.append((f"{field}.samples_per_second", must))
    if wrong:
        raise InvalidField.of(wrong)


def _read_face(params: Any, remarks: Remarks) -> dict[str, float]:
    """Every known face parameter, as it was sent or by default."""
    face = {name: default for name, (_, _, default) in FLOAT_PARAMS.items()}
    for name, value in params.float_params.items():
        if name in FLOAT_PARAMS:
            low, high, _ = FLOAT_PARAMS[name]
            face[name] = bounded(value, low, high, f'face_params.float_params["{name}"]', remarks)
    names = {*params.float_params, *params.integer_params, *params.float_array_params}
    ignored = sorted(name for name in names if name in WITHOUT_EFFECT)
    if ignored:
        remarks.inform(f"without an effect here: {', '.join(ignored)}")
    unknown = sorted(names - FLOAT_PARAMS.keys() - set(WITHOUT_EFFECT))
    # Those with a meaning are floats.
    unknown += sorted({*params.integer_params, *params.float_array_params} & FLOAT_PARAMS.keys())
    if unknown:
        remarks.warn(f"unknown face parameters are left out: {', '.join(name[:40] for name in unknown[:20])}")
    return face


def _read_shape(face: Mapping[str, float], params: Any, channels: Sequence[str], remarks: Remarks) -> FaceShape:
    return FaceShape(
        _read_channels(params.bs_weight_multipliers, channels, 1.0, "bs_weight_multipliers", remarks),
        _read_channels(params.bs_weight_offsets, channels, 0.0, "bs_weight_offsets", remarks),
        blink_strength=face["blinkStrength"],
        eyelid_open_offset=face["eyelidOpenOffset"],
        lip_open_offset=face["lipOpenOffset"],
        tongue_strength=face["tongueStrength"],
        upper_smoothing_s=face["upperFaceSmoothing"],
        lower_smoothing_s=face["lowerFaceSmoothing"],
        is_clamped=params.enable_clamping_bs_weight,
    )


def _read_channels(
    sent: Mapping[str, float], channels: Sequence[str], default: float, name: str, remarks: Remarks
) -> Array:
    """[channels] values by blend shape."""
    for channel, value in sent.items():
        if not math.isfinite(value):
            raise InvalidField(f'blendshape_params.{name}["{channel}"]', "must be finite")
    # Clients that know the tongue send its shapes to everybody.
    unknown = sorted(channel[:40] for channel in sent.keys() - {*channels, *TONGUE_NAMES})
    if unknown:
        remarks.warn(f"blendshape_params.{name}: left out are {', '.join(unknown[:20])}")
    return np.array([sent.get(channel, default) for channel in channels], np.float32)
