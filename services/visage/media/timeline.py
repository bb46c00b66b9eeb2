"""Frames, samples and fragments on one clock, in exact fractions of a second.

Frame i is shown from i / frame_rate to (i + 1) / frame_rate; floats would drift at rates such as 30000/1001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where frames lie in time.

    Attributes:
        frame_rate: Frames per second.
    """

    frame_rate: Fraction

    def __post_init__(self) -> None:
        """Raises ValueError for a rate that is not positive."""
        if self.frame_rate <= 0:
            raise ValueError(f"frame_rate must be positive, it is {self.frame_rate}")

    def start_of(self, frame: int) -> Fraction:
        """Seconds at which a frame appears; for the number of frames, the length of them all."""
        return frame / self.frame_rate

    def frame_at(self, time_s: Fraction) -> int:
        """Index of the frame that is shown at a time."""
        return math.floor(time_s * self.frame_rate)

    def frames_covering(self, duration_s: Fraction) -> int:
        """Fewest frames that last at least so long."""
        return math.ceil(duration_s * self.frame_rate)

    def sample_at(self, frame: int, sample_rate_hz: int) -> int:
        """Index of the first sample that is heard with a frame; for the number of frames, the samples of them all."""
        return math.ceil(self.start_of(frame) * sample_rate_hz)

    def fragment_of(self, frame: int, fragment_duration_s: Fraction) -> int:
        """Index of the fragment that a frame lies in, if a new one starts every `fragment_duration_s` seconds."""
        return math.floor(self.start_of(frame) / fragment_duration_s)

    def starts_fragment(self, frame: int, fragment_duration_s: Fraction) -> bool:
        """Whether a frame is the first of its fragment."""
        if frame == 0:
            return True
        return self.fragment_of(frame, fragment_duration_s) != self.fragment_of(frame - 1, fragment_duration_s)
