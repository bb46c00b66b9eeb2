"""GenerateAvatar from text to MP4, seen from the client and from the processes that do the work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import cpu_s
from visage.client import AsyncVisage, synthesis_options
from visage.v1 import composition_service_pb2 as pb

FPS = 25


@dataclass(frozen=True, slots=True)
class Generation:
    """One call; `cpu_s` is the processor time of each process of the mesh meanwhile."""

    frames: int
    wall_s: float
    first_fragment_s: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def frames_per_s(self) -> float:
        """Frames of video per second of wall time."""
        return self.frames / self.wall_s

    @property
    def cpu_ms_per_frame(self) -> float:
        """Milliseconds of processor time of the whole mesh for a frame."""
        return 1000 * sum(self.cpu_s.values()) / self.frames


async def generate(
    visage: AsyncVisage, name: str, text: str, side: int = 512, pids: Mapping[str, int] | None = None
) -> Generation:
    """Runs one call for a square film."""
    request = await _request(visage, name, text, side)
    before_s = {process: cpu_s([pid]) for process, pid in (pids or {}).items()}
    started = time.perf_counter()
    first_s, frames = 0.0, 0
    async for response in visage.generation.stream(request):
        kind = response.WhichOneof("response")
        if kind == "fragment" and response.fragment.sequence_number == 1 and not first_s:
            first_s = time.perf_counter() - started
        elif kind == "summary":
            frames = response.summary.frame_count
    wall_s = time.perf_counter() - started
    spent_s = {process: cpu_s([pid]) - before_s[process] for process, pid in (pids or {}).items()}
    return Generation(frames, wall_s, first_s, spent_s)


async def raw_performance(
    visage: AsyncVisage, name: str, text: str, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.int16], int]:
    """Returns the same film's frames in I420, [frames, side * 3 / 2, side], its sound and the sound's rate in Hz."""
    request = await _request(visage, name, text, side, "i420")
    pictures, sound, rate_hz = bytearray(), bytearray(), 0
    async for response in visage.generation.stream(request):
        kind = response.WhichOneof("response")
        if kind == "header":
            rate_hz = response.header.audio_format.sample_rate_hertz
        elif kind == "frame":
            pictures += response.frame.data
        elif kind == "audio":
            sound += response.audio.data
    frames = np.frombuffer(pictures, np.uint8).reshape(-1, side * 3 // 2, side)
    return frames, np.frombuffer(sound, "<i2").astype(np.int16), rate_hz


async def _request(
    visage: AsyncVisage, name: str, text: str, side: int, pixel_format: str | None = None
) -> pb.GenerateAvatarRequest:
    return await visage.generation.request(
        name,
        text=text,
        fps=FPS,
        width=side,
        height=side,
        pixel_format=pixel_format,
        synthesis=synthesis_options(),
    )
