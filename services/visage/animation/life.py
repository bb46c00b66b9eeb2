"""What a face does besides speaking: it feels, blinks, looks, breathes, marks accents and moves its head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.blinks import Blinks
from visage.animation.breathing import Breath
from visage.animation.controls import Controls, Strengths
from visage.animation.dice import Dice
from visage.animation.emotion_face import EmotionFace
from visage.animation.emotion_table import Manner, manners_of
from visage.animation.expression import Expression
from visage.animation.gaze import Gaze, eye_curves, in_head
from visage.animation.head_motion import HeadMotion, Pose
from visage.animation.rhythm import Beat
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES

Array = NDArray[np.float32]

_LOWER_WORDS: Final = ("Mouth", "Jaw", "Tongue")
_LOWER: Final = np.array([name.startswith(_LOWER_WORDS) for name in CURVE_NAMES], np.float32)
_UPPER: Final = 1 - _LOWER
_SMILES: Final = ("MouthSmileLeft", "MouthSmileRight")
_BLINKS: Final = [CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"]]
_WIDE: Final = [CURVE_INDEX["EyeWideLeft"], CURVE_INDEX["EyeWideRight"]]
_JAW: Final = CURVE_INDEX["JawOpen"]
# A mouth that breathes opens most at the height of the inhalation and never quite shuts.
_LEAST_MOUTH_BREATH: Final = 0.55
_MOUTH_BREATH: Final = 0.25
_DEEPEST: Final = 1.8
_TOLD_DEGREES: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Consecutive ticks of life.

    Attributes:
        curves: [ticks, 52] all but what emotions do to the mouth.
        mouth: [ticks, 52] what emotions would like to do to the mouth.
        poses: [ticks, 6] degrees and millimetres.
        opening: [ticks] scale of how far speech opens the mouth.
    """

    curves: Array
    mouth: Array
    poses: Array
    opening: Array


class Life:
    """All that moves without speech; parts can be replaced by ones that repeat."""

    def __init__(
        self,
        dice: Dice,
        tick: int = 0,
        gaze: Gaze | None = None,
        blinks: Blinks | None = None,
        breath: Breath | None = None,
    ) -> None:
        """Starts at rest before tick `tick`, with the eyes on the viewer."""
        self._dice = dice
        self._gaze = gaze or Gaze(tick)
        self._blinks = blinks or Blinks()
        self._breath = breath or Breath(tick)
        self._head = HeadMotion(tick)
        self._expression = Expression(tick)
        self._face = EmotionFace(tick)

    def advance(
        self, beats: Sequence[Beat], weights: Array, settings: Sequence[Controls], strengths: Sequence[Strengths]
    ) -> Moments:
        """Returns the next ticks.

        Args:
            beats: The rhythm of speech, tick by tick.
            weights: [ticks, 10] felt emotions.
            settings: The settings in force.
            strengths: What is scaled.
        """
        count = len(beats)
        curves = np.zeros((count, CURVE_COUNT), np.float32)
        scales = np.stack([strength.scales for strength in strengths])
        upper, lower = scales[:, 0, None], scales[:, 1]
        felt = weights.sum(axis=1).tolist()
        rolls = [self._dice_of(setting) for setting in settings]
        sides = np.array([self._face.side(dice) for dice in rolls], np.float32)
        manners = manners_of(weights, sides)
        poses: list[Pose] = []
        closures, breaths = [], []
        for tick, (beat, manner, setting) in enumerate(zip(beats, manners, settings, strict=True)):
            self._face.advance(rolls[tick], beat, felt[tick])
            pose, closure, breath = self._move(rolls[tick], beat, manner, setting, scales[tick].tolist(), curves[tick])
            poses.append(pose)
            closures.append(closure)
            breaths.append(manner.mouth_breath * (_LEAST_MOUTH_BREATH + _MOUTH_BREATH * breath))
        feeling = self._face.curves(weights, sides)
        curves += upper * feeling * _UPPER
        mouth = feeling * _LOWER
        mouth[:, _JAW] += breaths
        # A half-strength blink would look drowsy: lids close fully until the upper face is nearly still. A blink wins
        # over what emotions do to the lids.
        closing = np.minimum(1, 2 * upper) * np.array(closures, np.float32)[:, None]
        curves[:, _BLINKS] = np.maximum(curves[:, _BLINKS], closing)
        curves[:, _WIDE] *= 1 - closing
        opening = np.array([manner.jaw for manner in manners], np.float32)
        return Moments(curves, mouth * lower[:, None], np.array(poses, np.float32), opening)

    def _dice_of(self, setting: Controls) -> Dice:
        if setting.seed != self._dice.seed:
            self._dice = Dice(setting.seed)
        return self._dice

    def _move(
        self, dice: Dice, beat: Beat, manner: Manner, setting: Controls, scales: Sequence[float], curves: Array
    ) -> tuple[Pose, float, float]:
        """Writes one tick of brows, lids and eyes into [52] `curves`; returns pose, closure of the lids and breath."""
        upper, lower, head, gaze_scale, _, _, breathing = scales
        breath = breathing * manner.breath_depth * self._breath.advance(dice, beat, manner.breath_rate)
        target = setting.gaze_degrees
        pose = self._head.advance(dice, beat, manner, breath, target, head)
        # Who is told what to look at does not look away for grief.
        is_told = max(abs(target[0]), abs(target[1])) > _TOLD_DEGREES
        anchor = target if is_told else (gaze_scale * manner.gaze_x, gaze_scale * manner.gaze_y)
        eyes = self._gaze.advance(dice, is_speaking=beat.is_speaking, anchor=anchor, manner=manner)
        closure = self._blinks.advance(
            dice,
            setting.blinks_per_minute * manner.blinks,
            is_speaking=beat.is_speaking,
            is_phrase_end=beat.is_after_phrase,
            saccade_degrees=eyes.saccade_degrees * (1.0 if is_told else gaze_scale),
        )
        for name, value in self._expression.advance(dice, beat, closure, manner.stress).items():
            curves[CURVE_INDEX[name]] = (lower if name in _SMILES else upper) * value
        across = eyes.anchor[0] + gaze_scale * eyes.offset[0]
        upward = eyes.anchor[1] + gaze_scale * eyes.offset[1]
        for name, value in eye_curves(*in_head(across, upward, pose[0], pose[1])).items():
            curves[CURVE_INDEX[name]] += value
        return pose, closure, min(_DEEPEST, max(-_DEEPEST, breath))
