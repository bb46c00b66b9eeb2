"""Which emotions the caller wants, tick by tick: keys are reached in time and without a jerk.

A transition is the quintic that leaves with the present value, speed and acceleration and arrives at rest (Flash &
Hogan, "The coordination of arm movements", 1985): values, speeds and accelerations are continuous whatever changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import EmotionKey
from visage.animation.ticks import TICK_S
from visage.media.emotions import EMOTION_COUNT, EMOTION_INDEX

Array = NDArray[np.float32]

TRANSITION_S: Final = 0.5
"""What a face needs from one emotion to another; keys closer to each other are reached late."""
_SHORTEST_S: Final = 0.3


class EmotionTrack:
    """The emotions of the keys, tick by tick."""

    def __init__(self, keys: Sequence[EmotionKey], start_s: float = 0.0) -> None:
        """Starts neutral, before the first tick, which starts at `start_s`."""
        self._first_middle_s = start_s + TICK_S / 2
        self._tick = -1
        self._state = np.zeros((3, EMOTION_COUNT))
        self._from = np.zeros((3, EMOTION_COUNT))
        self._target = np.zeros(EMOTION_COUNT)
        self._left_at_s = start_s
        self._length_s = TRANSITION_S
        self._moves = False
        self._keys: Sequence[EmotionKey] = ()
        self._next = 0
        self.change(keys)

    def change(self, keys: Sequence[EmotionKey]) -> None:
        """Replaces the keys from the next tick on; their times still count from the start of the stream."""
        self._keys = keys
        self._next = 0
        while self._next < len(keys) and keys[self._next].at_s <= self._now_s:
            self._next += 1
        self._leave(weights_of(keys[self._next - 1].weights) if self._next else np.zeros(EMOTION_COUNT), TRANSITION_S)

    def advance(self) -> Array:
        """[10] weights of the middle of the next tick, 0..1."""
        while self._next < len(self._keys) and self._now_s >= self._departure_s():
            key = self._keys[self._next]
            self._next += 1
            left_s = key.at_s - self._now_s
            self._leave(weights_of(key.weights), left_s if left_s >= _SHORTEST_S else TRANSITION_S)
        self._tick += 1
        if self._moves:
            self._follow((self._now_s - self._left_at_s) / self._length_s)
        weights: Array = np.clip(self._state[0], 0, 1).astype(np.float32)
        return weights

    @property
    def _now_s(self) -> float:
        """Middle of the present tick; half a tick before the start at first."""
        return self._first_middle_s + self._tick * TICK_S

    def _departure_s(self) -> float:
        """When the face leaves for the next key: not before the one ahead of it is reached."""
        departure_s = self._keys[self._next].at_s - TRANSITION_S
        return max(departure_s, self._keys[self._next - 1].at_s) if self._next else departure_s

    def _leave(self, target: NDArray[np.float64], length_s: float) -> None:
        """Starts the transition to [10] `target`, which takes `length_s`."""
        if not self._moves and np.array_equal(target, self._state[0]):
            return
        self._from, self._target = self._state.copy(), target
        self._left_at_s, self._length_s = self._now_s, length_s
        self._moves = True

    def _follow(self, share: float) -> None:
        """Moves value, speed and acceleration to `share` of the transition."""
        if share >= 1:
            self._state = np.stack([self._target, 0 * self._target, 0 * self._target])
            self._moves = False
            return
        length_s = self._length_s
        value, speed, acceleration = self._from
        speed, acceleration = speed * length_s, acceleration * length_s**2
        way = self._target - value
        cubic = 10 * way - 6 * speed - 1.5 * acceleration
        quartic = -15 * way + 8 * speed + 1.5 * acceleration
        quintic = 6 * way - 3 * speed - 0.5 * acceleration
        powers = share ** np.arange(6)
        curve = np.stack([value, speed, acceleration / 2, cubic, quartic, quintic])
        steps = np.arange(1, 6)
        self._state = np.stack(
            [
                powers @ curve,
                (steps * powers[:5]) @ curve[1:] / length_s,
                (steps[1:] * steps[:4] * powers[:4]) @ curve[2:] / length_s**2,
            ]
        )


def weights_of(weights: Mapping[str, float]) -> NDArray[np.float64]:
    """[10] weights by place; a sum above 1 is scaled down to 1."""
    row = np.zeros(EMOTION_COUNT)
    for name, weight in weights.items():
        row[EMOTION_INDEX[name]] = weight
    return row / max(1.0, float(row.sum()))
