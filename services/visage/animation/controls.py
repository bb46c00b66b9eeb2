"""How strongly a face performs, and how a change of it in mid-stream is eased in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX

Array = NDArray[np.float32]

_EASE_TICKS: Final = 12


@dataclass(frozen=True, slots=True)
class EmotionKey:
    """Emotion that is reached at a time of the stream, in seconds, and held until the next key: name → 0..1."""

    at_s: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Controls:
    """One setting of the performance; the fields of `visage.v1.PerformanceControls` with their defaults.

    Attributes:
        seed: Names the performance; equal seeds and input give equal curves.
        upper_face: Scale of brows, lids and cheeks.
        lower_face: Scale of jaw, lips and tongue.
        blinks_per_minute: Mean rate.
        head_motion: Scale of head motion.
        gaze_motion: Scale of gaze shifts.
        gains: Channel name → factor.
        offsets: Channel name → offset.
        emotion_keys: Emotions over time, ascending; none is neutral.
        detected_emotion_mix: Share 0..1 of the emotions that are heard in the voice.
        emotion_strength: Scale of all emotions.
        gaze_degrees: What the eyes look at: to the right of the picture and up from the viewer.
        breathing: Scale of breathing.
    """

    seed: int = 0
    upper_face: float = 1.0
    lower_face: float = 1.0
    blinks_per_minute: float = 17.0
    head_motion: float = 1.0
    gaze_motion: float = 1.0
    gains: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    emotion_keys: tuple[EmotionKey, ...] = ()
    detected_emotion_mix: float = 0.0
    emotion_strength: float = 1.0
    gaze_degrees: tuple[float, float] = (0.0, 0.0)
    breathing: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Strengths:
    """What is scaled at one tick.

    Attributes:
        scales: [7] upper face, lower face, head, gaze, emotions, share of heard emotions, breathing.
        gains: [52] factors of channels.
        offsets: [52] offsets of channels.
    """

    scales: Array
    gains: Array
    offsets: Array

    @classmethod
    def of(cls, controls: Controls) -> Strengths:
        """Returns the strengths of a setting."""
        gains = np.ones(CURVE_COUNT, np.float32)
        offsets = np.zeros(CURVE_COUNT, np.float32)
        for name, gain in controls.gains.items():
            gains[CURVE_INDEX[name]] = gain
        for name, offset in controls.offsets.items():
            offsets[CURVE_INDEX[name]] = offset
        scales = [
            controls.upper_face,
            controls.lower_face,
            controls.head_motion,
            controls.gaze_motion,
            controls.emotion_strength,
            controls.detected_emotion_mix,
            controls.breathing,
        ]
        return cls(np.array(scales, np.float32), gains, offsets)

    def towards(self, other: Strengths, share: float) -> Strengths:
        """Returns the mixture with `share` 0..1 of the other."""
        return Strengths(
            self.scales + (other.scales - self.scales) * np.float32(share),
            self.gains + (other.gains - self.gains) * np.float32(share),
            self.offsets + (other.offsets - self.offsets) * np.float32(share),
        )


class ControlTrack:
    """The setting in force, tick by tick: a change takes a quarter of a second."""

    def __init__(self, controls: Controls) -> None:
        """Starts with `controls`, fully in force."""
        self.controls = controls
        self._from = self._to = self.strengths = Strengths.of(controls)
        self._eased_ticks = _EASE_TICKS

    def change(self, controls: Controls) -> None:
        """Replaces the setting from the next tick on."""
        self.controls = controls
        self._from, self._to = self.strengths, Strengths.of(controls)
        self._eased_ticks = 0

    def advance(self) -> Strengths:
        """Returns the strengths one tick later."""
        if self._eased_ticks < _EASE_TICKS:
            self._eased_ticks += 1
            self.strengths = self._from.towards(self._to, self._eased_ticks / _EASE_TICKS)
        return self.strengths
