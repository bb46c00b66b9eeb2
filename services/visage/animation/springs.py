"""Motion with inertia: critically damped springs whose speed and acceleration are limited."""

from __future__ import annotations

import math

from visage.animation.ticks import TICK_S


class Spring:
    """A value that follows its target without overshoot, as a mass on a critically damped spring does."""

    def __init__(
        self, frequency_hz: float, *, speed_limit: float = math.inf, acceleration_limit: float = math.inf
    ) -> None:
        """Starts at rest at 0.

        Args:
            frequency_hz: Natural frequency; the value arrives after about 1 / frequency.
            speed_limit: Largest change per second.
            acceleration_limit: Largest change of speed per second.
        """
        self._angular = 2 * math.pi * frequency_hz
        self._speed_limit = speed_limit
        self._acceleration_limit = acceleration_limit
        self.value = 0.0
        self.speed = 0.0

    def advance(self, target: float) -> float:
        """Returns the value one tick later; semi-implicit Euler, stable for frequencies below 10 Hz."""
        pull = self._angular * self._angular * (target - self.value) - 2 * self._angular * self.speed
        pull = max(-self._acceleration_limit, min(self._acceleration_limit, pull))
        speed = self.speed + pull * TICK_S
        self.speed = max(-self._speed_limit, min(self._speed_limit, speed))
        self.value += self.speed * TICK_S
        return self.value


class Follower:
    """A value that moves towards its target at limited rates: fast up, slow down, or the other way round."""

    def __init__(self, rise_s: float, fall_s: float, value: float = 0.0) -> None:
        """Takes the seconds for a whole unit upwards and downwards."""
        self._rise = TICK_S / rise_s
        self._fall = TICK_S / fall_s
        self.value = value

    def advance(self, target: float) -> float:
        """Returns the value one tick later."""
        self.value += max(-self._fall, min(self._rise, target - self.value))
        return self.value


def ease(share: float) -> float:
    """Minimum-jerk curve from 0 to 1 over `share` 0..1 (Flash & Hogan 1985)."""
    share = max(0.0, min(1.0, share))
    return share * share * share * (share * (share * 6 - 15) + 10)
