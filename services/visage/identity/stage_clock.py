"""How long the steps of a creation take."""

from __future__ import annotations

import time


class StageClock:
    """Wall time by step, in order; `seconds` is filled by `lap`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since_s = time.perf_counter()

    def lap(self, step: str) -> None:
        """Books the time since the last call, or since the clock was made, to a step."""
        now_s = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now_s - self._since_s
        self._since_s = now_s
