"""A builder of voices that takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from visage.speech.conversion import Conversion
from visage.speech.create_voice import BuiltVoice, Stage
from visage.speech.spectral_shape import BINS
from visage.speech.voices import Voice


class SlowBuilder:
    """Implements `visage.speech.voice_creations.Builder`: waits until it may go on, or breaks."""

    def __init__(self) -> None:
        self.may_finish = asyncio.Event()
        self.is_asked = asyncio.Event()
        self.error: Exception | None = None
        self.build_count = 0

    async def build(
        self,
        content: bytes,
        field: str,
        candidates: Sequence[Voice],
        strength: float | None,
        report: Callable[[Stage], None],
    ) -> BuiltVoice:
        report(Stage.CHOOSING)
        self.build_count += 1
        self.is_asked.set()
        await self.may_finish.wait()
        if self.error is not None:
            raise self.error
        flat = Conversion(np.zeros((43, BINS)), 0.0)
        return BuiltVoice(candidates[0], flat, 0.8, 0.6, 0.9, 1.0, 9.0)
