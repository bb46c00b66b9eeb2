"""Invented speech with known phones, performed under an emotion: what the figures on emotions are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.animate_from_text import expected_levels_db
from visage.animation.controls import Controls, EmotionKey
from visage.animation.mouths import shape
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.animation.stage import Output, Stage
from visage.media.curves import CurveClip
from visage.media.phones import SILENCE, TimedPhone

Array = NDArray[np.float32]

FRAME_RATE: Final = Fraction(50)
"""One frame a tick, so that nothing is blurred by resampling."""
_CONSONANTS: Final = ("p", "b", "m", "f", "v", "t", "s", "n", "l", "k", "r", "w", "d", "sh")
_VOWELS: Final = ("iy", "ih", "eh", "ae", "aa", "ah", "ao", "uw", "ow", "er", "ax")
_WORDS_PER_PHRASE: Final = 4
_SYLLABLES_PER_WORD: Final = 2


@dataclass(frozen=True, eq=False)
class Performed:
    """phones: what was said; clip: how it looked, one frame a tick."""

    phones: tuple[TimedPhone, ...]
    clip: CurveClip


def babble(seed: int, length_s: float) -> tuple[TimedPhone, ...]:
    """Random syllables, half of them stressed, in phrases of about 1.5 s with pauses of 0.3 to 0.7 s."""
    rng = np.random.default_rng(seed)
    phones: list[TimedPhone] = []
    time_s = 0.3
    while time_s < length_s - 0.8:
        for _ in range(_WORDS_PER_PHRASE * _SYLLABLES_PER_WORD):
            stress = 1.0 if rng.random() < 0.5 else 0.85
            for choices, shortest_s, longest_s in ((_CONSONANTS, 0.06, 0.09), (_VOWELS, 0.08, 0.15)):
                end_s = time_s + float(rng.uniform(shortest_s, longest_s))
                phones.append(TimedPhone(str(rng.choice(choices)), time_s, end_s, stress))
                time_s = end_s
        pause_s = float(rng.uniform(0.3, 0.7))
        phones.append(TimedPhone(SILENCE, time_s, time_s + pause_s, 1.0))
        time_s += pause_s
    return tuple(phones)


def perform(weights: Mapping[str, float], seed: int, length_s: float = 8.0, **controls: float) -> Performed:
    """The performance of `babble(seed)` with emotions held from the start."""
    phones = babble(seed, length_s)
    keys = (EmotionKey(0.0, dict(weights)),) if weights else ()
    setting = Controls(seed=seed, emotion_keys=keys, **controls)  # type: ignore[arg-type]
    stage = Stage(setting, Output(FRAME_RATE, 1024))
    duration = Fraction(phones[-1].end_s).limit_denominator(1_000_000)
    count = stage.clock.ticks_needed(stage.clock.frame_count(duration))
    stage.perform(shape(phones, 0, count, 1.0), expected_levels_db(phones, count + LOOK_AHEAD_TICKS))
    return Performed(phones, CurveClip.joined(FRAME_RATE, stage.blocks(duration, is_ended=True)))
