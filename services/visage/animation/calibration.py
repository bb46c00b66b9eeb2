"""What one animation process carries, measured: windows per second of the lip-sync network."""

from __future__ import annotations

from typing import Final

import numpy as np

from visage.animation.inference import WINDOW_SAMPLES
from visage.animation.ports import LipSyncModel
from visage.runtime.capacity import sustained_rate

WINDOWS_PER_S: Final = 5.0
"""That a live stream asks for: each reads ten ticks of 20 ms."""


async def streams_carried(model: LipSyncModel, side_by_side: int, limit_s: float) -> float:
    """Returns how many live streams of sound the network reads with `side_by_side` windows in its hands.

    Streams with timings hardly ask the network and cost less. Raises ModelError.
    """
    silence = np.zeros(WINDOW_SAMPLES, np.int16)
    return await sustained_rate(lambda: model.read(silence), side_by_side, limit_s) / WINDOWS_PER_S
