"""What one identity process carries, measured: pictures per second through detector and landmarks."""

from __future__ import annotations

import numpy as np

from visage.identity.ports import FaceModels
from visage.runtime.capacity import sustained_rate

_DETECTOR_PX = 192
_LONGEST_ANSWER_S = 1.0


async def calls_carried(models: FaceModels, side_by_side: int, limit_s: float) -> float:
    """Returns how many calls at a time are still answered within a second.

    A call is taken to be one detection and one set of landmarks, what CompareFaces does for each of its pictures.
    Creations have a limit of their own beside it. Raises ModelError.
    """
    grey = np.full((1, _DETECTOR_PX, _DETECTOR_PX, 3), 128, np.uint8)

    async def call() -> None:
        await models.detect(grey, 10 * limit_s)
        await models.find_landmarks(grey, 10 * limit_s)

    return await sustained_rate(call, side_by_side, limit_s) * _LONGEST_ANSWER_S
