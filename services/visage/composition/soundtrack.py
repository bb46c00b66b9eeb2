"""Sound that waits for its pictures."""

from __future__ import annotations

import numpy as np

from visage.composition.values import Pcm


class Soundtrack:
    """Samples in the order they came; taken out along with the frames they belong to.

    Attributes:
        sample_rate_hz: Samples per second.
        received: Samples added so far.
        taken: Samples taken so far.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.received = 0
        self.taken = 0
        self._chunks: list[Pcm] = []

    def add(self, samples: Pcm) -> None:
        """Appends samples."""
        if len(samples):
            self._chunks.append(samples)
            self.received += len(samples)

    def take(self, end: int) -> Pcm:
        """Returns the samples from the last one taken up to sample `end` of the stream, as far as they are there."""
        joined = np.concatenate([np.zeros(0, np.int16), *self._chunks])
        count = min(max(end - self.taken, 0), len(joined))
        self._chunks = [joined[count:]] if count < len(joined) else []
        self.taken += count
        return joined[:count]

    def take_rest(self, least: int) -> Pcm:
        """Returns all that is left, with silence up to sample `least` of the stream."""
        rest = self.take(self.received)
        silence = np.zeros(max(least - self.taken, 0), np.int16)
        self.taken += len(silence)
        return np.concatenate([rest, silence])
