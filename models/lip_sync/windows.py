"""Cuts recordings into the windows that the served model takes; NumPy only.

A window holds 51 frames of the past, the 10 that are answered and 5 of the future, so that every answer has its full
context and a stream gives the very numbers of a recording. Sound before the start and after the end is silence.
Of the 5 frames (100 ms) that a window adds after the last answered one the network looks at 97.5 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HOP = 320
CONTEXT_LEFT, ANSWERED_FRAMES, CONTEXT_RIGHT = 51, 10, 5
WINDOW_FRAMES = CONTEXT_LEFT + ANSWERED_FRAMES + CONTEXT_RIGHT
WINDOW_SAMPLES = WINDOW_FRAMES * HOP
MODEL_FILE = Path("model_repository/lip_sync/1/model.onnx")

Array = NDArray[np.float32]
Run = Callable[[NDArray[np.int16]], tuple[Array, Array]]
"""int16 [B, 21120] → curves [B, 10, 52] and posteriors [B, 10, 43]."""


def cut(pcm: NDArray[np.int16], step_frames: int = ANSWERED_FRAMES) -> NDArray[np.int16]:
    """[samples at 16 kHz] → [B, 21120]: window b answers from frame b * step_frames on."""
    frame_count = len(pcm) // HOP
    count = -(-frame_count // step_frames)
    last_frame = (count - 1) * step_frames + WINDOW_FRAMES
    padded = np.zeros(last_frame * HOP, np.int16)
    start = CONTEXT_LEFT * HOP
    fitting = pcm[: len(padded) - start]
    padded[start : start + len(fitting)] = fitting
    starts = np.arange(count) * step_frames * HOP
    return np.stack([padded[first : first + WINDOW_SAMPLES] for first in starts])


def answer(run: Run, pcm: NDArray[np.int16], batch_size: int = 16) -> tuple[Array, Array]:
    """Curves [T, 52] and posteriors [T, 43] of a whole recording of T = samples // 320 frames, at least one."""
    windows = cut(pcm)
    answers = [run(windows[first : first + batch_size]) for first in range(0, len(windows), batch_size)]
    frame_count = len(pcm) // HOP
    curves, posteriors = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return (
        curves.reshape(-1, curves.shape[-1])[:frame_count],
        posteriors.reshape(-1, posteriors.shape[-1])[:frame_count],
    )
