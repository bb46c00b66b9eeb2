"""What the analysis of recorded speech needs of models."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visage.media.pcm import IntPcm

FloatArray = NDArray[np.float32]


class SpeechModels(Protocol):
    """The networks that listen; all take int16 sound at 16 kHz and raise ModelError."""

    async def read_phones(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        """[n, 21120] → [n, 10, 43] posteriors of `visage.media.phones` in ticks 51 to 60 of 20 ms."""

    async def embed(self, windows: IntPcm, deadline_s: float) -> FloatArray:
        """[n, 25840] of speech → [n, 256] embeddings of length 1."""

    async def detect_voice(self, samples: IntPcm, deadline_s: float) -> FloatArray:
        """[samples] → [frames] probability of speech in each frame of 512 samples, the last one perhaps shorter."""
