"""How long a live stream waits: audio sent until the first curves, audio behind each frame, and the time of the work.

Audio time is counted, not measured: pieces of 20 ms are sent, and before each next one everything that can be done with
what was sent is done. Processing time is the least of some runs, the network on one thread in the same process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from models.lip_sync.evaluate import open_model
from models.lip_sync.windows import MODEL_FILE, Run
from visage.animation.animate_from_audio import AnimateFromAudio, AudioAnimation, AudioPiece, Piece
from visage.animation.audio_source import SourceFormat
from visage.animation.ports import MouthReading
from visage.animation.stage import Output
from visage.media.curves import CurveBlock

_STREAM_S = 6
_PIECE_S = Fraction(1, 50)
_ROUNDS = 5
_CASES = ((16_000, 25), (16_000, 30), (16_000, 60), (24_000, 25), (48_000, 25), (8_000, 25))
# Turns of the event loop in which everything that is ready gets done.
_TURNS = 60


class LocalMouth:
    """A `LipSyncModel` that runs in this process."""

    def __init__(self, run: Run) -> None:
        """Take the model."""
        self._run = run

    async def read(self, window: NDArray[np.int16]) -> MouthReading:
        """The ten ticks of a window."""
        curves, phonemes = self._run(window[None])
        return MouthReading(curves[0], phonemes[0])


@dataclass(frozen=True, slots=True)
class Wait:
    """Milliseconds of a stream.

    Attributes:
        first_audio: Audio that had been sent when the first frame came.
        first_work: Time from the piece that made the first frame possible to the frame.
        mean_lag: Audio sent beyond the middle of a frame when it came, on average.
        worst_lag: The most of it.
    """

    first_audio: float
    first_work: float
    mean_lag: float
    worst_lag: float


def tables() -> Iterator[Table]:
    """One table."""
    table = Table(
        "audio",
        "frames/s",
        "audio before the first curves, ms",
        "work for them, ms",
        "together, ms",
        "audio beyond a frame's middle, mean ms",
        "most ms",
        title="A live stream in pieces of 20 ms",
    )
    mouth = LocalMouth(open_model(MODEL_FILE))
    for rate_hz, frame_rate in _CASES:
        waits = [asyncio.run(_follow(mouth, rate_hz, frame_rate)) for _ in range(_ROUNDS)]
        work_ms = min(wait.first_work for wait in waits)
        first = waits[0]
        table.add_row(
            f"{rate_hz / 1000:g} kHz",
            str(frame_rate),
            f"{first.first_audio:.0f}",
            f"{work_ms:.1f}",
            f"{first.first_audio + work_ms:.0f}",
            f"{first.mean_lag:.0f}",
            f"{first.worst_lag:.0f}",
        )
    yield table


async def _follow(mouth: LocalMouth, rate_hz: int, frame_rate: int) -> Wait:
    """Sends noise and watches what comes when."""
    sound = np.random.default_rng(0).standard_normal(_STREAM_S * rate_hz) * 3000
    data = sound.astype(np.int16).tobytes()
    step = 2 * round(_PIECE_S * rate_hz)
    sent_s = Fraction(0)
    sent_at = 0.0

    async def pieces() -> AsyncIterator[Piece]:
        nonlocal sent_s, sent_at
        for start in range(0, len(data), step):
            sent_s += _PIECE_S
            sent_at = time.perf_counter()
            yield AudioPiece(data[start : start + step])
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    animation = AudioAnimation(SourceFormat(rate_hz, has_header=False), Output(Fraction(frame_rate)))
    first_s, first_work_s = 0.0, 0.0
    lags_s: list[float] = []
    async with aclosing(AnimateFromAudio(mouth)(animation, pieces())) as answers:
        async for answer in answers:
            if not isinstance(answer, CurveBlock):
                continue
            if not lags_s:
                first_s, first_work_s = float(sent_s), time.perf_counter() - sent_at
            frames = range(answer.start_frame, answer.end_frame)
            lags_s += [float(sent_s - Fraction(2 * frame + 1, 2 * frame_rate)) for frame in frames]
    # The last frames come at the end of the audio, early.
    running = lags_s[: -frame_rate // 2]
    return Wait(1000 * first_s, 1000 * first_work_s, 1000 * float(np.mean(running)), 1000 * max(running))
