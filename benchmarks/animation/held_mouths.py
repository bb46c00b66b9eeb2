"""A mouth that is held while an emotion is felt: what sheets and closures of emotions are drawn from."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls, EmotionKey
from visage.animation.frame_clock import FrameClock
from visage.animation.performance import Performance
from visage.animation.rhythm import LOOK_AHEAD_TICKS, QUIET_DB
from visage.media.arkit import CURVE_COUNT
from visage.media.articulation import EXPANSION, LOWER_FACE_INDEX, TARGET
from visage.media.phones import BILABIALS, SILENCE

Array = NDArray[np.float32]

_TICKS: Final = 150
_SPEECH_DB: Final = -24.0


def held(emotion: str, phone: str, seed: int = 1) -> tuple[Array, Array]:
    """[52] curves and [6] pose after three seconds of one phone under an emotion at 1, "" for none; without blinks."""
    keys = (EmotionKey(0.0, {emotion: 1.0}),) if emotion else ()
    performance = Performance(Controls(seed=seed, emotion_keys=keys, blinks_per_minute=0.0))
    speaks = phone != SILENCE
    levels = np.full(_TICKS + LOOK_AHEAD_TICKS, _SPEECH_DB if speaks else QUIET_DB, np.float32)
    mouth = np.repeat(_mouth(phone)[None], _TICKS, axis=0)
    clock = FrameClock(Fraction(25))
    clock.push(performance.advance(mouth, np.full(_TICKS, speaks, np.float32), levels))
    frames = clock.frames(Fraction(10), is_ended=False)
    assert frames is not None and frames.poses is not None
    return frames.curves[-1], frames.poses[-1]


def _mouth(phone: str) -> Array:
    """[52] posture of a phone; p, b and m with lips that meet."""
    if phone == SILENCE:
        return np.zeros(CURVE_COUNT, np.float32)
    posture = TARGET[phone].copy()
    if phone in BILABIALS:
        posture[LOWER_FACE_INDEX["MouthClose"]] = posture[LOWER_FACE_INDEX["JawOpen"]]
    return np.asarray(posture @ EXPANSION, np.float32)
