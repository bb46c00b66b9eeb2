"""The whole face, tick by tick: a given mouth plus blinks, gaze, brows and head motion that fit the speech.

Everything is a function of seed and input alone: how the stream was cut leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.blinks import Blinks
from visage.animation.controls import Controls, ControlTrack, Strengths
from visage.animation.dice import Dice
from visage.animation.expression import Expression
from visage.animation.gaze import Gaze, eye_curves, in_head
from visage.animation.head_motion import HeadMotion
from visage.animation.rhythm import LOOK_AHEAD_TICKS, Rhythm
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.curves import POSE_COUNT

Array = NDArray[np.float32]

_UPPER, _LOWER, _HEAD, _GAZE = range(4)
_SMILES: Final = ("MouthSmileLeft", "MouthSmileRight")
_BLINKS: Final = ("EyeBlinkLeft", "EyeBlinkRight")


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """Consecutive ticks of a performance before it is resampled.

    Attributes:
        mouth: [ticks, 52] what speech moves.
        life: [ticks, 52] everything else.
        poses: [ticks, 6] degrees and millimetres.
        strengths: Per tick, for the gains and offsets that are applied last.
    """

    mouth: Array
    life: Array
    poses: Array
    strengths: Sequence[Strengths]


class Performance:
    """Adds life to a mouth."""

    def __init__(self, controls: Controls) -> None:
        """Starts at rest, with the eyes on the viewer."""
        self._track = ControlTrack(controls)
        self._dice = Dice(controls.seed)
        self._rhythm = Rhythm()
        self._blinks = Blinks()
        self._gaze = Gaze()
        self._head = HeadMotion()
        self._expression = Expression()
        self._has_started = False

    def advance(
        self, mouth: Array, speech: Array, levels_db: Array, changes: Mapping[int, Controls] | None = None
    ) -> Ticks:
        """Returns the next ticks of the performance.

        Args:
            mouth: [ticks, 52] lower-face curves.
            speech: [ticks] share of speech, 0..1.
            levels_db: [ticks + LOOK_AHEAD_TICKS] levels from the first of these ticks on.
            changes: Tick within this call → setting that replaces the present one there.
        """
        count = len(mouth)
        if not self._has_started:
            self._has_started = True
            for level_db in levels_db[:LOOK_AHEAD_TICKS].tolist():
                self._rhythm.look_ahead(level_db)
        life = np.zeros((count, CURVE_COUNT), np.float32)
        poses = np.zeros((count, POSE_COUNT), np.float32)
        scaled = np.empty_like(mouth)
        strengths: list[Strengths] = []
        ahead_db = levels_db[LOOK_AHEAD_TICKS:].tolist()
        for tick in range(count):
            if changes and tick in changes:
                self._track.change(changes[tick])
                self._dice = Dice(changes[tick].seed)
            strengths.append(self._track.advance())
            scaled[tick] = mouth[tick] * strengths[-1].scales[_LOWER]
            self._live(ahead_db[tick], float(speech[tick]), strengths[-1], life[tick], poses[tick])
        return Ticks(scaled, life, poses, strengths)

    def _live(self, ahead_db: float, speech: float, strengths: Strengths, life: Array, pose: Array) -> None:
        """Writes one tick of everything that is not the mouth into [52] `life` and [6] `pose`."""
        dice = self._dice
        upper, lower, head, gaze = strengths.scales.tolist()
        beat = self._rhythm.advance(ahead_db, speech)
        pose[:] = [head * value for value in self._head.advance(dice, beat)]
        look_x, look_y = self._gaze.advance(dice, is_speaking=beat.is_speaking)
        blink = self._blinks.advance(
            dice,
            self._track.controls.blinks_per_minute,
            is_speaking=beat.is_speaking,
            is_phrase_end=beat.is_after_phrase,
            saccade_degrees=gaze * self._gaze.saccade_degrees,
        )
        for name, value in self._expression.advance(dice, beat, blink).items():
            life[CURVE_INDEX[name]] = (lower if name in _SMILES else upper) * value
        eyes = in_head(gaze * look_x, gaze * look_y, float(pose[0]), float(pose[1]))
        for name, value in eye_curves(*eyes).items():
            life[CURVE_INDEX[name]] += value
        # A half-strength blink would look drowsy: lids close fully until the upper face is nearly still.
        closure = min(1.0, 2 * upper) * blink
        for name in _BLINKS:
            life[CURVE_INDEX[name]] = max(life[CURVE_INDEX[name]], np.float32(closure))
