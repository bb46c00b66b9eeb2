"""Measures the ONNX file of `speaker_encoder` against PyTorch's layers with Resemblyzer's weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from models.conversion.parity import Measurement, batch_difference, largest_difference
from models.conversion.sessions import run_onnx
from models.conversion.sounds import sounds
from models.conversion.sources import Sources
from models.speaker_encoder.export import DIMENSIONS, LAYERS, read_weights
from models.speaker_encoder.mel import BANDS, FRAMES, HOP, WINDOW, WINDOW_SAMPLES, mel_filters

_VOICES = 6


def measure(content: bytes, sources: Sources) -> list[Measurement]:
    """The figures of the parity gate; cosines between two voices differ by some 0.1."""
    recordings = sounds(WINDOW_SAMPLES)
    found = run_onnx(content, recordings, "pcm")["embedding"]
    expected = embed(read_weights(sources), recordings)
    lengths = np.linalg.norm(found[:_VOICES], axis=1)
    return [
        Measurement("embedding vs. PyTorch", largest_difference(found, expected), 1e-4, ""),
        Measurement("length of a voice's embedding from 1", float(np.abs(lengths - 1).max()), 1e-5, ""),
        Measurement("batch of 8 vs. 8 calls", batch_difference(content, recordings, "pcm"), 1e-5, ""),
    ]


def embed(weights: dict[str, np.ndarray], recordings: np.ndarray) -> np.ndarray:
    """float32 [n, 256] of int16 [n, 25840]: spectrum by NumPy's transform, then PyTorch's own layers."""
    samples = recordings.astype(np.float64) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP][:, :FRAMES]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window, axis=2)) ** 2
    mel = torch.tensor((power @ mel_filters().T).astype(np.float32))
    lstm, linear = nn.LSTM(BANDS, DIMENSIONS, LAYERS, batch_first=True), nn.Linear(DIMENSIONS, DIMENSIONS)
    for module, prefix in ((lstm, "lstm."), (linear, "linear.")):
        own = {name.removeprefix(prefix): torch.tensor(value) for name, value in weights.items() if prefix in name}
        module.load_state_dict(own)
    with torch.no_grad():
        outputs, _ = lstm(mel)
        rectified = torch.relu(linear(outputs[:, -1]))
        return (rectified / rectified.norm(dim=1, keepdim=True).clamp(min=1e-6)).numpy()
