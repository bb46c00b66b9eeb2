"""From composed pixels to the bytes of the graph's outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.renderer.warps import T

LUMA = (65.738 / 256, 129.057 / 256, 25.064 / 256)
"""Share of red, green and blue in Y; ITU-R BT.601, limited range."""
BLUE_DIFFERENCE = (-37.945 / 256, -74.494 / 256, 112.439 / 256)
RED_DIFFERENCE = (112.439 / 256, -94.154 / 256, -18.285 / 256)
LUMA_OFFSET, CHROMA_OFFSET = 16.0, 128.0
HALVES = torch.tensor(np.kron(np.eye(8), [0.5, 0.5]), dtype=torch.float32)
"""[8, 16], means of neighbours: faster than pooling, which would re-order the picture."""


class Planes(NamedTuple):
    """Bytes of a part of the frame.

    colour [B, 3, h, T, w], alpha and luma [B, 1, h, T, w], chroma [B, 2, h / 2, T, w / 2].
    """

    colour: Tensor
    alpha: Tensor
    luma: Tensor
    chroma: Tensor


def deliver(colour: Tensor, alpha: Tensor) -> Planes:
    """colour [B, 3, rows, n, T, w] and alpha [B, 1, rows, n, T, w], 0..255, of rows * n lines.

    Chroma lies in the middle of its four pixels, as scalers with area averaging have it.
    """
    height, width = int(colour.shape[2]) * int(colour.shape[3]), int(colour.shape[5])
    colour = torch.clamp(colour, 0, 255)
    rows = colour.reshape(-1, 3, height // 2, 2, T * width).mean(3)  # of two
    chroma = torch.cat([_mixed(rows, weights) for weights in (BLUE_DIFFERENCE, RED_DIFFERENCE)], 1)
    chroma = chroma.reshape(-1, 2 * len(HALVES)) @ HALVES.T.to(colour.device) + CHROMA_OFFSET
    chroma = chroma.reshape(-1, 2, height // 2, T, width // 2)
    luma = to_bytes(_mixed(colour, LUMA) + LUMA_OFFSET)
    lines = (height, T, width)
    return Planes(
        to_bytes(colour).reshape(-1, 3, *lines), to_bytes(alpha).reshape(-1, 1, *lines), luma.reshape(-1, 1, *lines),
        to_bytes(chroma),
    )  # fmt: skip


def to_bytes(pixels: Tensor) -> Tensor:
    """0..255 → uint8, rounded."""
    return torch.clamp(pixels + 0.5, 0, 255).to(torch.uint8)


def beside(*parts: Planes) -> Planes:
    """Parts from left to right."""
    return Planes(*(torch.cat(planes, 4) for planes in zip(*parts, strict=True)))


def below(*parts: Planes) -> Planes:
    """Parts from top to bottom."""
    return Planes(*(torch.cat(planes, 2) for planes in zip(*parts, strict=True)))


def frames(planes: Planes) -> Tensor:
    """RGB [B, T, h, w, 3]."""
    return planes.colour.permute(0, 3, 2, 4, 1)


def coverage(planes: Planes) -> Tensor:
    """[B, T, h, w]."""
    return planes.alpha[:, 0].permute(0, 2, 1, 3)


def planar_yuv(planes: Planes) -> Tensor:
    """I420: [B, T, h * 3 / 2, w], rows of Y, then the packed half-size planes U and V."""
    height, width = int(planes.luma.shape[2]), int(planes.luma.shape[4])
    luma = planes.luma[:, 0].permute(0, 2, 1, 3)
    chroma = planes.chroma.permute(0, 3, 1, 2, 4).reshape(-1, T, height // 2, width)
    return torch.cat([luma, chroma], 2)


def _mixed(colour: Tensor, weights: tuple[float, float, float]) -> Tensor:
    red, green, blue = torch.split(colour, 1, 1)
    return red * weights[0] + green * weights[1] + blue * weights[2]
