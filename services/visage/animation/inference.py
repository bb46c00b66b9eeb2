"""The lip-sync network on Triton; the models that find faces are called through `visage.runtime.triton.face_finder`."""

from __future__ import annotations

import asyncio
from typing import Final

from visage.animation.ports import MouthReading
from visage.media.arkit import CURVE_COUNT
from visage.media.pcm import IntPcm
from visage.media.phones import PHONE_COUNT
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import ModelOverloaded
from visage.runtime.triton.face_finder import DETECTOR, LANDMARKS, NEAR_DETECTOR
from visage.runtime.triton.signature import ModelSignature, TensorSpec

WINDOW_SAMPLES: Final = 21_120
LIP_SYNC: Final = ModelSignature(
    name="lip_sync",
    inputs=(TensorSpec("pcm", "INT16", (WINDOW_SAMPLES,)),),
    outputs=(
        TensorSpec("curves", "FP32", (10, CURVE_COUNT)),
        TensorSpec("phonemes", "FP32", (10, PHONE_COUNT)),
    ),
)
FACE_MODELS: Final = (DETECTOR, NEAR_DETECTOR, LANDMARKS)
"""What `TritonFaceFinder` asks for."""
# A full queue drains within a batch or two; after that the caller should know.
_PATIENCE_S: Final = (0.05, 0.15, 0.4)


class TritonLipSync:
    """Asks the network for one window at a time; Triton batches what comes together."""

    def __init__(self, client: TritonClient, deadline_s: float) -> None:
        """Takes the connection and the seconds that one window may take."""
        self._client = client
        self._deadline_s = deadline_s

    async def read(self, window: IntPcm) -> MouthReading:
        """Returns ticks 51 to 60 of [21120] samples at 16 kHz.

        Raises:
            ModelError: The network cannot be reached, is busy for too long, or broke.
        """
        for patience_s in _PATIENCE_S:
            try:
                return await self._read(window)
            except ModelOverloaded:
                await asyncio.sleep(patience_s)
        return await self._read(window)

    async def is_ready(self) -> bool:
        """Returns whether Triton serves the network now."""
        return all((await self._client.ready([LIP_SYNC])).values())

    async def _read(self, window: IntPcm) -> MouthReading:
        outputs = await self._client.infer(LIP_SYNC, {"pcm": window[None]}, deadline_s=self._deadline_s)
        return MouthReading(outputs["curves"][0], outputs["phonemes"][0])
