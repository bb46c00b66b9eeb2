"""Head motion with the structure of speech: a new posture for every phrase, nods on accents, slow sway, breath, mood.

Targets pass through critically damped springs with limited speed and acceleration: a head has inertia.
Source of the rhythm: Hadar et al., "Head movement correlates of juncture and stress at sentence level", 1983.
"""

from __future__ import annotations

import math
from typing import Final

from visage.animation.dice import Dice
from visage.animation.emotion_table import NEUTRAL, Manner
from visage.animation.rhythm import Beat
from visage.animation.springs import Follower, Spring
from visage.animation.ticks import TICK_S

Pose = tuple[float, float, float, float, float, float]
"""Yaw, pitch, roll in degrees, x, y, z in millimetres."""

_NOD_SHARE: Final = 0.6
_NOD_S: Final = 0.44
_NOD_GAP_S: Final = 0.6
_CLOSING_NOD_S: Final = 0.9
_WARM_UP_S: Final = 1.2
# Postures, moods and glances together stay within what renderers show.
_MOST_DEGREES: Final = (15.0, 11.0, 13.0)
# The head takes over a part of what the eyes would have to turn beyond these degrees.
_EYES_ALONE: Final = (6.0, 4.0)
_FOLLOWING: Final = 0.3


class HeadMotion:
    """Pose of the head, tick by tick."""

    def __init__(self, tick: int = 0) -> None:
        """Starts at rest, before tick `tick`."""
        self._yaw = Spring(0.9, speed_limit=30, acceleration_limit=180)
        self._pitch = Spring(2.2, speed_limit=40, acceleration_limit=320)
        self._roll = Spring(0.8, speed_limit=20, acceleration_limit=120)
        self._engagement = Follower(rise_s=0.5, fall_s=0.8)
        self._lean = Spring(0.6)
        self._drift_x = Spring(1.0, speed_limit=20, acceleration_limit=200)
        self._drift_z = Spring(0.8, speed_limit=40, acceleration_limit=200)
        self._breath = Spring(3.0, acceleration_limit=150)
        self._posture = (0.0, 0.0, 0.0)
        self._tilt = (0.0, 0.0)
        self._nod_age_s = math.inf
        self._nod_depth = 0.0
        self._nod_length_s = _NOD_S
        self._tick = tick
        self._age_s = 0.0
        self._accents = 0

    def advance(
        self,
        dice: Dice,
        beat: Beat,
        manner: Manner = NEUTRAL,
        breath: float = 0.0,
        gaze_degrees: tuple[float, float] = (0.0, 0.0),
        strength: float = 1.0,
    ) -> Pose:
        """Returns the pose one tick later.

        Args:
            dice: Source of chance.
            beat: The rhythm of speech.
            manner: Posture and liveliness of the mood.
            breath: How full the lungs are, about -1 to 1.
            gaze_degrees: What is looked at, to the image's right and up.
            strength: Scale of all motion; changes of it are followed with inertia, too.
        """
        self._tick += 1
        self._age_s += TICK_S
        time_s = self._tick * TICK_S
        self._react(dice, beat)
        engagement = self._engagement.advance(1.0 if beat.is_speaking else 0.0)
        sway = manner.motion * min(1.0, self._age_s / _WARM_UP_S) * (0.3 + 0.7 * engagement)
        yaw, pitch, roll = (manner.motion * engagement * angle for angle in self._posture)
        fading = 0.985
        self._tilt = (self._tilt[0] * fading, self._tilt[1] * fading)
        yaw += sway * (4.2 * dice.noise("yaw", time_s, 2.6) + 1.5 * dice.noise("yaw-fast", time_s, 1.2))
        pitch += sway * 1.1 * dice.noise("pitch", time_s, 2.1) + manner.motion * self._nod() + 0.3 * breath
        roll += sway * 2.0 * dice.noise("roll", time_s, 2.9)
        across, upward = map(_followed, gaze_degrees, _EYES_ALONE)
        targets = (
            yaw + self._tilt[0] + manner.yaw + across,
            pitch + manner.pitch + upward,
            roll + self._tilt[1] + manner.roll,
        )
        yaw, pitch, roll = (
            spring.advance(max(-most, min(most, strength * target)))
            for spring, most, target in zip((self._yaw, self._pitch, self._roll), _MOST_DEGREES, targets, strict=True)
        )
        lean = self._lean.advance(strength * engagement * (0.4 + beat.loudness))
        drift_x, drift_z = dice.noise("x", time_s, 3.7), dice.noise("z", time_s, 4.3)
        x = 0.15 * yaw + self._drift_x.advance(strength * sway * 0.8 * drift_x)
        y = -0.12 * pitch - 0.7 * self._breath.advance(strength * breath)
        z = -1.8 * lean + self._drift_z.advance(strength * (sway * 1.2 * drift_z + manner.z))
        return yaw, pitch, roll, x, y, z

    def _react(self, dice: Dice, beat: Beat) -> None:
        """Starts what phrases and accents cause."""
        self._nod_age_s += TICK_S
        if beat.is_phrase_start:
            across, upward, sideways, _ = dice.normals("posture", beat.phrase)
            yaw = max(-5.0, min(5.0, 3.0 * across))
            # A turned head tilts along.
            self._posture = (yaw, max(-1.5, min(2.0, 0.5 + 0.9 * upward)), 0.3 * yaw + 1.0 * sideways)
        if beat.accent > 0:
            self._accents += 1
            draw, side, tilt, *_ = dice.uniforms("nod", self._accents)
            self._tilt = (self._tilt[0] + (side - 0.5) * 1.8, self._tilt[1] + (tilt - 0.5) * 1.4)
            if draw < _NOD_SHARE and self._nod_age_s > _NOD_GAP_S:
                self._start_nod(1.6 + 2.4 * beat.accent * (0.6 + 0.4 * side), _NOD_S)
        if beat.is_phrase_end and self._nod_age_s > _NOD_GAP_S:
            self._start_nod(1.4, _CLOSING_NOD_S)

    def _start_nod(self, depth_degrees: float, length_s: float) -> None:
        self._nod_age_s = 0.0
        self._nod_depth = depth_degrees
        self._nod_length_s = length_s

    def _nod(self) -> float:
        """Degrees of pitch of the running nod: down and back."""
        share = self._nod_age_s / self._nod_length_s
        return -self._nod_depth * math.sin(math.pi * share) ** 2 * 1.5 if share < 1 else 0.0


def _followed(gaze_degrees: float, eyes_alone: float) -> float:
    """Degrees that the head turns along with a look aside."""
    return math.copysign(_FOLLOWING * max(0.0, abs(gaze_degrees) - eyes_alone), gaze_degrees)
