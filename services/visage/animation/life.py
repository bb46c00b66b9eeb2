"""What a face does besides speaking: it feels, blinks, looks, breathes, marks accents and moves its head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.blinks import Blinks
from visage.animation.breathing import Breath
from visage.animation.controls import Controls, Strengths
from visage.animation.dice import Dice
from visage.animation.emotion_face import EmotionFace
from visage.animation.emotion_table import manner_of
from visage.animation.expression import Expression
from visage.animation.gaze import Gaze, eye_curves, in_head
from visage.animation.head_motion import HeadMotion
from visage.animation.rhythm import Beat
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES

Array = NDArray[np.float32]

_LOWER_WORDS: Final = ("Mouth", "Jaw", "Tongue")
_LOWER: Final = np.array([name.startswith(_LOWER_WORDS) for name in CURVE_NAMES], np.float32)
_SMILES: Final = ("MouthSmileLeft", "MouthSmileRight")
_BLINKS: Final = [CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"]]
_WIDE: Final = [CURVE_INDEX["EyeWideLeft"], CURVE_INDEX["EyeWideRight"]]
_JAW: Final = CURVE_INDEX["JawOpen"]
# A mouth that breathes opens most at the height of the inhalation and never quite shuts.
_LEAST_MOUTH_BREATH: Final = 0.55
_RETURNED_GAZE_DEGREES: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One tick of life.

    Attributes:
        curves: [52] all but what the emotion does to the mouth.
        mouth: [52] what the emotion would like to do to the mouth.
        pose: Yaw, pitch, roll in degrees, x, y, z in millimetres.
        opening: Scale of how far speech opens the mouth.
    """

    curves: Array
    mouth: Array
    pose: tuple[float, ...]
    opening: float


class Life:
    """All that moves without speech, tick by tick; the parts can be replaced by ones that repeat."""

    def __init__(
        self,
        dice: Dice,
        tick: int = 0,
        gaze: Gaze | None = None,
        blinks: Blinks | None = None,
        breath: Breath | None = None,
    ) -> None:
        """Starts at rest before tick `tick`, with the eyes on the viewer."""
        self.dice = dice
        self._gaze = gaze or Gaze(tick)
        self._blinks = blinks or Blinks()
        self._breath = breath or Breath(tick)
        self._head = HeadMotion(tick)
        self._expression = Expression(tick)
        self._face = EmotionFace(tick)

    def advance(self, beat: Beat, weights: Array, controls: Controls, strengths: Strengths) -> Moment:
        """Returns the face one tick later.

        Args:
            beat: The rhythm of speech.
            weights: [10] felt emotions.
            controls: The setting in force.
            strengths: What is scaled.
        """
        dice = self.dice
        upper, lower, head, gaze_scale, _, _, breathing = strengths.scales.tolist()
        manner = manner_of(weights, self._face.side)
        breath = breathing * manner.breath_depth * self._breath.advance(dice, beat, manner.breath_rate)
        target = controls.gaze_degrees
        pose = [head * value for value in self._head.advance(dice, beat, manner, breath, target)]
        # Who is told what to look at does not look away for grief.
        is_told = max(abs(target[0]), abs(target[1])) > _RETURNED_GAZE_DEGREES
        anchor = target if is_told else (gaze_scale * manner.gaze_x, gaze_scale * manner.gaze_y)
        eyes = self._gaze.advance(dice, is_speaking=beat.is_speaking, anchor=anchor, manner=manner)
        blink = self._blinks.advance(
            dice,
            controls.blinks_per_minute * manner.blinks,
            is_speaking=beat.is_speaking,
            is_phrase_end=beat.is_after_phrase,
            saccade_degrees=eyes.saccade_degrees * max(gaze_scale, float(is_told)),
        )
        curves = np.zeros(CURVE_COUNT, np.float32)
        for name, value in self._expression.advance(dice, beat, blink, manner.stress).items():
            curves[CURVE_INDEX[name]] = (lower if name in _SMILES else upper) * value
        direction = [to + gaze_scale * around for to, around in zip(eyes.anchor, eyes.offset, strict=True)]
        for name, value in eye_curves(*in_head(direction[0], direction[1], pose[0], pose[1])).items():
            curves[CURVE_INDEX[name]] += value
        feeling = self._face.advance(dice, beat, weights)
        curves += np.float32(upper) * feeling * (1 - _LOWER)
        mouth = np.float32(lower) * feeling * _LOWER
        mouth[_JAW] += lower * manner.mouth_breath * (_LEAST_MOUTH_BREATH + 0.25 * min(1.8, max(-1.8, breath)))
        self._close_lids(curves, blink, upper)
        return Moment(curves, mouth, tuple(pose), manner.jaw)

    @staticmethod
    def _close_lids(curves: Array, blink: float, upper: float) -> None:
        """Lets a blink win over what the emotion does to the lids."""
        # A half-strength blink would look drowsy: lids close fully until the upper face is nearly still.
        closure = np.float32(min(1.0, 2 * upper) * blink)
        curves[_BLINKS] = np.maximum(curves[_BLINKS], closure)
        curves[_WIDE] *= 1 - closure
