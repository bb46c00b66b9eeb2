"""What GetConfigs tells: the limits, the output and the defaults in force."""

from __future__ import annotations

import json
from typing import Any

from visage.animation.audio2face.emotion_keys import HEARD_SHARE, MAX_KEYS
from visage.animation.audio2face.requests import FLOAT_PARAMS, HIGHEST_RATE_HZ, LONGEST_BUFFER_S, LOWEST_RATE_HZ
from visage.animation.audio2face.settings import Audio2FaceLimits
from visage.media.curve_schemas import SCHEMAS
from visage.media.emotions import EMOTIONS


def configuration(limits: Audio2FaceLimits) -> str:
    """Returns it as JSON."""
    content: dict[str, Any] = {
        "input_sanitization": {
            "min_sample_rate": LOWEST_RATE_HZ,
            "max_sample_rate": HIGHEST_RATE_HZ,
            "max_audio_buffer_size_second": LONGEST_BUFFER_S,
            "max_audio_clip_size_second": limits.longest_clip_s,
            "max_wait_time_idle_ms": round(1000 * limits.idle_s),
            "max_emotion_time_codes": MAX_KEYS,
        },
        "output": {"frame_rate": limits.frame_rate, "blend_shapes": list(SCHEMAS[limits.schema].channels)},
        "face_params": {
            name: {"min": low, "max": high, "default": default} for name, (low, high, default) in FLOAT_PARAMS.items()
        },
        "emotions": list(EMOTIONS),
        "emotion_post_processing_params": {
            "enable_preferred_emotion": True,
            "preferred_emotion_strength": 1.0,
            "emotion_strength": 1.0,
            "heard_share_without_emotions": HEARD_SHARE,
        },
        "blendshape_params": {"enable_clamping_bs_weight": False},
    }
    return json.dumps(content, indent=2)
