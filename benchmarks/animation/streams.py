"""How many live streams one core drives: the network's windows in batches, and the service's own work on a stream.

Figures are processor seconds of one thread per second of audio, so other work on the machine hardly shows. The network
runs as Triton runs it on a CPU: OpenVINO in single precision, one thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

import numpy as np
import openvino
from numpy.typing import NDArray
from rich.table import Table

from models.lip_sync.evaluate import open_model
from models.lip_sync.windows import MODEL_FILE, WINDOW_SAMPLES
from visage.animation.animate_from_audio import AnimateFromAudio, AudioAnimation, AudioPiece, Piece
from visage.animation.audio_source import SourceFormat
from visage.animation.mouths import LIVE_HOP_TICKS
from visage.animation.ports import MouthReading
from visage.animation.ticks import TICK_S
from visage.media.arkit import CURVE_COUNT
from visage.media.phones import PHONE_COUNT

_BATCHES = (1, 8, 32)
_ROUNDS = 15
_STREAM_S = 30
_PIECE_S = 0.02
_RATE_HZ = 16_000


class StillMouth:
    """A `LipSyncModel` that costs nothing, so that only the service's own work is measured."""

    def __init__(self) -> None:
        """Prepare the one answer."""
        random = np.random.default_rng(0)
        curves = random.random((10, CURVE_COUNT)).astype(np.float32) * 0.5
        self._reading = MouthReading(curves, random.dirichlet(np.full(PHONE_COUNT, 0.1), 10).astype(np.float32))

    async def read(self, window: NDArray[np.int16]) -> MouthReading:
        """Always the same ten ticks."""
        return self._reading


def tables() -> Iterator[Table]:
    """One table."""
    table = Table("what runs", "ms per window", "live streams per core", title="Streams per core of lip_sync")
    random = np.random.default_rng(0)
    for runtime, run in _runtimes().items():
        for batch in _BATCHES:
            pcm = random.integers(-8000, 8000, (batch, WINDOW_SAMPLES)).astype(np.int16)
            window_s = _least_cpu_s(run, pcm) / batch
            streams = LIVE_HOP_TICKS * TICK_S / window_s
            table.add_row(f"network, {runtime}, batches of {batch}", f"{1000 * window_s:.2f}", f"{streams:.0f}")
    table.add_section()
    share = asyncio.run(_service_share())
    per_window_ms = 1000 * share * LIVE_HOP_TICKS * TICK_S
    table.add_row("animation service, curves at 25 frames/s", f"{per_window_ms:.2f}", f"{1 / share:.0f}")
    yield table


def _runtimes() -> dict[str, Callable[[NDArray[np.int16]], object]]:
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    compiled = openvino.Core().compile_model(str(MODEL_FILE), "CPU", hints)
    return {"OpenVINO": lambda pcm: compiled({"pcm": pcm}), "ONNX Runtime": open_model(MODEL_FILE)}


def _least_cpu_s(run: Callable[[NDArray[np.int16]], object], pcm: NDArray[np.int16]) -> float:
    """The fastest of some rounds: what the caches of a busy machine cost is not the network's."""
    run(pcm)
    spent = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        run(pcm)
        spent.append(time.process_time() - started)
    return min(spent)


async def _service_share() -> float:
    """Processor seconds per second of one stream of raw audio in pieces of 20 ms."""
    random = np.random.default_rng(0)
    syllables = np.repeat(random.random(_STREAM_S * 8), _RATE_HZ // 8)
    sound = (random.standard_normal(_STREAM_S * _RATE_HZ) * 6000 * syllables).clip(-32768, 32767).astype(np.int16)
    data = sound.tobytes()
    step = 2 * round(_PIECE_S * _RATE_HZ)

    async def pieces() -> AsyncIterator[Piece]:
        for start in range(0, len(data), step):
            yield AudioPiece(data[start : start + step])
            await asyncio.sleep(0)

    verb = AnimateFromAudio(StillMouth())
    started = time.process_time()
    async with aclosing(verb(AudioAnimation(SourceFormat(_RATE_HZ, has_header=False)), pieces())) as answers:
        async for _ in answers:
            pass
    return (time.process_time() - started) / _STREAM_S
