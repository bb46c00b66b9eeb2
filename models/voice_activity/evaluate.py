"""Measures the ONNX file of `voice_activity` against Silero's own file, frame by frame."""

from __future__ import annotations

import numpy as np

from models.conversion.parity import Measurement, largest_difference
from models.conversion.sessions import open_session, run_session
from models.conversion.sounds import SAMPLE_RATE_HZ, sounds
from models.conversion.sources import Sources
from models.voice_activity.export import CELLS, CONTEXT, FRAME, WINDOW_SAMPLES

ORIGINAL = "silero_vad/data/silero_vad.onnx"
_CALLS = 6


def measure(content: bytes, sources: Sources) -> list[Measurement]:
    """The figures of the parity gate, on six seconds of eight recordings."""
    recordings = sounds(_CALLS * WINDOW_SAMPLES)
    together, alone = listen(content, recordings), [listen(content, recording[None]) for recording in recordings]
    expected = listen_to_original(sources.read("silero-vad", ORIGINAL), recordings)
    # Frames of the buzzing voices: a network that hears nothing would agree with itself, too.
    heard = float((expected[:6] > 0.5).mean())
    return [
        Measurement("probability vs. original", largest_difference(together, expected), 1e-3, ""),
        Measurement("share of voiced recordings that are not heard", 1 - heard, 0.8, ""),
        Measurement("batch of 8 vs. 8 calls", largest_difference(together, np.concatenate(alone)), 1e-5, ""),
    ]


def listen(content: bytes, recordings: np.ndarray) -> np.ndarray:
    """Probabilities [n, frames] of int16 [n, samples], call after call."""
    session, count = open_session(content), len(recordings)
    context, state = np.zeros((count, CONTEXT), np.float32), np.zeros((count, 2, CELLS), np.float32)
    found = []
    for start in range(0, recordings.shape[1], WINDOW_SAMPLES):
        pcm = recordings[:, start : start + WINDOW_SAMPLES]
        answer = run_session(session, {"pcm": pcm, "context": context, "state": state})
        context, state = answer["context_after"], answer["state_after"]
        found.append(answer["probability"])
    return np.concatenate(found, axis=1)


def listen_to_original(content: bytes, recordings: np.ndarray) -> np.ndarray:
    """The same of Silero's file, which takes one frame with the end of the one before it."""
    session, count = open_session(content), len(recordings)
    state, context = np.zeros((2, count, CELLS), np.float32), np.zeros((count, CONTEXT), np.float32)
    found = []
    for start in range(0, recordings.shape[1], FRAME):
        frame = recordings[:, start : start + FRAME].astype(np.float32) / 32768
        sound = np.concatenate([context, frame], axis=1)
        answer = run_session(session, {"input": sound, "state": state, "sr": np.array(SAMPLE_RATE_HZ)})
        state, context = answer["stateN"], frame[:, -CONTEXT:]
        found.append(answer["output"])
    return np.concatenate(found, axis=1)
