"""The sound of a clip, cut into the frames that it belongs to."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

_SAMPLE_BYTES: Final = 2


class AudioEcho:
    """Keeps 16-bit samples until their frames are asked for, in order; every sample comes back once."""

    def __init__(self, sample_rate_hz: int, frame_rate: Fraction) -> None:
        """Starts at the first sample."""
        self._samples_per_frame = sample_rate_hz / frame_rate
        self._data = bytearray()
        self._first = 0

    def push(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._data += data

    def frame(self, index: int) -> bytes:
        """Returns the samples of a frame; fewer, or none, at the end of the clip."""
        stop = int((index + 1) * self._samples_per_frame)
        size = max(0, stop - self._first) * _SAMPLE_BYTES
        sound = bytes(self._data[:size])
        del self._data[:size]
        self._first = stop
        return sound
