"""The whole face, tick by tick: a given mouth plus emotions, blinks, gaze, brows, breath and head motion that fit it.

Everything is a function of seed and input alone: how the stream was cut leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Controls, ControlTrack, Strengths
from visage.animation.dice import Dice
from visage.animation.emotion_track import EmotionTrack
from visage.animation.emotional_mouth import EmotionalMouth
from visage.animation.life import Life
from visage.animation.rhythm import LOOK_AHEAD_TICKS, Beat, Rhythm
from visage.media.emotions import EMOTION_COUNT

Array = NDArray[np.float32]

_LOWER, _STRENGTH, _MIX = 1, 4, 5


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """Consecutive ticks of a performance before it is resampled.

    Attributes:
        mouth: [ticks, 52] what speech moves.
        life: [ticks, 52] everything else.
        poses: [ticks, 6] degrees and millimetres.
        strengths: Per tick, for the gains and offsets that are applied last.
        emotions: [ticks, 10] weights in effect, 0..1.
    """

    mouth: Array
    life: Array
    poses: Array
    strengths: Sequence[Strengths]
    emotions: Array


class Performance:
    """Adds emotion and life to a mouth."""

    def __init__(self, controls: Controls, life: Life | None = None, feelings: EmotionTrack | None = None) -> None:
        """Starts at rest, with the eyes on the viewer.

        Args:
            controls: The setting at the start.
            life: What moves without speech; made here unless a loop needs a special one.
            feelings: The keys' emotions over time; made here unless a loop needs special ones.
        """
        self._track = ControlTrack(controls)
        self._feelings = feelings or EmotionTrack(controls.emotion_keys)
        self._life = life or Life(Dice(controls.seed))
        self._rhythm = Rhythm()
        self._mouth = EmotionalMouth()
        self._has_started = False

    def advance(
        self,
        mouth: Array,
        speech: Array,
        levels_db: Array,
        changes: Mapping[int, Controls] | None = None,
        heard: Array | None = None,
    ) -> Ticks:
        """Returns the next ticks of the performance.

        Args:
            mouth: [ticks, 52] lower-face curves.
            speech: [ticks] share of speech, 0..1.
            levels_db: [ticks + LOOK_AHEAD_TICKS] levels from the first of these ticks on.
            changes: Tick within this call → setting that replaces the present one there.
            heard: [ticks, 10] emotions heard in the voice; None where there is no voice.
        """
        count = len(mouth)
        if not self._has_started:
            self._has_started = True
            for level_db in levels_db[:LOOK_AHEAD_TICKS].tolist():
                self._rhythm.look_ahead(level_db)
        strengths: list[Strengths] = []
        settings: list[Controls] = []
        beats: list[Beat] = []
        weights = np.empty((count, EMOTION_COUNT), np.float32)
        ahead_db = levels_db[LOOK_AHEAD_TICKS:].tolist()
        for tick, share in enumerate(speech.tolist()):
            if changes and tick in changes:
                self._track.change(changes[tick])
                self._feelings.change(changes[tick].emotion_keys)
            settings.append(self._track.controls)
            strengths.append(self._track.advance())
            weights[tick] = self._felt(strengths[-1], None if heard is None else heard[tick])
            beats.append(self._rhythm.advance(ahead_db[tick], share))
        moments = self._life.advance(beats, weights, settings, strengths)
        scaled = mouth * np.stack([strength.scales[_LOWER] for strength in strengths])[:, None]
        spoken, added = self._mouth.advance(scaled, speech, moments.opening, moments.mouth)
        return Ticks(spoken, moments.curves + added, moments.poses, strengths, np.minimum(weights, 1))

    def _felt(self, strengths: Strengths, heard: Array | None) -> Array:
        """[10] weights at this tick: the keys' emotions mixed with those heard, at the strength wanted."""
        strength, share = strengths.scales[_STRENGTH], strengths.scales[_MIX]
        wanted = self._feelings.advance()
        mixed = wanted if heard is None else wanted + (heard - wanted) * share
        felt: Array = mixed * strength
        return felt
