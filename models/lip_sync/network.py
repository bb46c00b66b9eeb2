"""LipNet: raw audio → log-mel in the graph → residual convolutions at 50 Hz → 17 curves and 43 phone classes.

Frame j of the output spans 20 ms from j * 20 ms. It sees 48 frames to its left and 4 to its right, and 17.5 ms more
through the front: 97.5 ms of look-ahead after its end, 107.5 ms after its middle.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from visage.media.articulation import LOWER_FACE
from visage.media.phones import PHONE_COUNT

SAMPLE_RATE_HZ: Final = 16000
HOP: Final = 320
MEL_BANDS: Final = 80
SPECTRUM_HOP: Final = 160
SPECTRUM_WINDOW: Final = 400
SPECTRUM_FFT: Final = 512
PRE_EMPHASIS: Final = 0.9
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 7600.0


class Layer(NamedTuple):
    """One residual block: kernel width, dilation and how many frames of the future it sees."""

    kernel: int
    dilation: int
    right: int


LAYERS: Final = (
    Layer(5, 1, 1),
    Layer(5, 1, 1),
    Layer(5, 1, 1),
    Layer(5, 2, 1),
    Layer(5, 1, 0),
    Layer(5, 2, 0),
    Layer(5, 4, 0),
    Layer(5, 1, 0),
)
# Spectra that the front sees before the two of a frame and after them.
FRONT_PADDING: Final = (3, 1)
# Two frames more on the left and one on the right for the front's own reach.
FRONT_FRAMES: Final = 2
CONTEXT_LEFT: Final = sum((layer.kernel - 1) * layer.dilation - layer.right for layer in LAYERS) + FRONT_FRAMES
CONTEXT_RIGHT: Final = sum(layer.right for layer in LAYERS) + 1


def mel_filters() -> np.ndarray:
    """[80, 257] triangles, evenly spaced in mel (2595 log10(1 + f / 700)), of equal noise level."""
    to_mel, to_hz = (lambda hz: 2595 * np.log10(1 + hz / 700)), (lambda mel: 700 * (10 ** (mel / 2595) - 1))
    corners = to_hz(np.linspace(to_mel(_LOWEST_HZ), to_mel(_HIGHEST_HZ), MEL_BANDS + 2))
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, SPECTRUM_FFT // 2 + 1)
    low, centre, high = (corners[i : i + MEL_BANDS, None] for i in range(3))
    filters = np.clip(np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)), 0, None)
    for band in range(MEL_BANDS):
        # The lowest triangles are narrower than a bin.
        missing = 1 - filters[band].sum()
        if missing > 0.5:
            filters[band, np.argmin(np.abs(bins_hz - centre[band]))] += missing
    return (filters / np.sqrt(filters.sum(axis=1, keepdims=True))).astype(np.float32)


class LogMel(nn.Module):
    """[B, samples] in -1..1 → [B, 80, samples / 160] compressed log-mel; frame i is centred at sample 160 i + 80."""

    def __init__(self) -> None:
        """Build the Fourier kernels: as a strided convolution the transform needs no ONNX operator of its own."""
        super().__init__()
        window = np.hanning(SPECTRUM_WINDOW + 1)[:SPECTRUM_WINDOW]
        angle = 2 * np.pi * np.arange(SPECTRUM_FFT // 2 + 1)[:, None] * np.arange(SPECTRUM_WINDOW) / SPECTRUM_FFT
        kernels = np.concatenate([np.cos(angle) * window, -np.sin(angle) * window])[:, None]
        self.register_buffer("kernels", torch.tensor(kernels, dtype=torch.float32))
        padded = np.concatenate([window, np.zeros(SPECTRUM_FFT - SPECTRUM_WINDOW)])
        self.register_buffer("window", torch.tensor(padded, dtype=torch.float32))
        self.register_buffer("filters", torch.tensor(mel_filters())[:, :, None])

    def forward(self, pcm: Tensor, fast: bool = False) -> Tensor:
        """`fast` takes the FFT of torch, equal up to rounding."""
        padded = functional.pad(pcm[:, None], (121, 120))
        signal = padded[:, :, 1:] - PRE_EMPHASIS * padded[:, :, :-1]
        if fast:
            longer = functional.pad(signal[:, 0], (0, SPECTRUM_FFT - SPECTRUM_WINDOW))
            spectrum = torch.stft(
                longer, SPECTRUM_FFT, SPECTRUM_HOP, SPECTRUM_FFT, self.window, center=False, return_complex=True
            )
            power = spectrum.abs() ** 2
        else:
            waves = functional.conv1d(signal, self.kernels, stride=SPECTRUM_HOP)
            bins = SPECTRUM_FFT // 2 + 1
            power = waves[:, :bins] ** 2 + waves[:, bins:] ** 2
        return torch.log(functional.conv1d(power, self.filters) + 1e-5) * 0.25 + 0.6


class Block(nn.Module):
    """x + gain * SiLU(BatchNorm(conv(x))) over [B, C, 1, frames]."""

    def __init__(self, channels: int, layer: Layer) -> None:
        """Two-dimensional convolutions of height 1: twice as fast as one-dimensional ones on a CPU."""
        super().__init__()
        self.padding = ((layer.kernel - 1) * layer.dilation - layer.right, layer.right, 0, 0)
        self.conv = nn.Conv2d(channels, channels, (1, layer.kernel), dilation=(1, layer.dilation), bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.gain = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.gain * functional.silu(self.norm(self.conv(functional.pad(x, self.padding))))


class LipNet(nn.Module):
    """The whole network; `channels` is its width."""

    def __init__(self, channels: int) -> None:
        """Random weights."""
        super().__init__()
        self.mel = LogMel()
        self.front = nn.Conv2d(MEL_BANDS, channels, (1, 6), stride=(1, 2), bias=False)
        self.front_norm = nn.BatchNorm2d(channels)
        self.blocks = nn.ModuleList([Block(channels, layer) for layer in LAYERS])
        self.curve_head = nn.Conv2d(channels, len(LOWER_FACE), 1)
        self.phone_head = nn.Conv2d(channels, PHONE_COUNT, 1)

    def heads(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 80, 2 T] → curves [B, T, 17] in 0..1 and phone logits [B, T, 43]."""
        image = mel[:, :, None]
        if self.training:
            image = image.contiguous(memory_format=torch.channels_last)
        x = functional.silu(self.front_norm(self.front(functional.pad(image, (*FRONT_PADDING, 0, 0)))))
        for block in self.blocks:
            x = block(x)
        curves = torch.sigmoid(self.curve_head(x)[:, :, 0].transpose(1, 2))
        return curves, self.phone_head(x)[:, :, 0].transpose(1, 2)

    def forward(self, pcm: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 320 T] in -1..1 → curves [B, T, 17] and phone posteriors [B, T, 43]."""
        curves, logits = self.heads(self.mel(pcm))
        return curves, torch.softmax(logits, dim=-1)
