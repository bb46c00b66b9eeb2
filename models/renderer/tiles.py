"""From node grids to pixels: tiles of the frame and the layers sampled in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from models.renderer.warps import Point, T, relative, sample
from visage.media.portrait import FRAME_PX, NODE_PX, Rect


class Layer(NamedTuple):
    """Pixels of one layer or of several composed ones, [B, 4, h, T, w]: premultiplied colour and alpha, 0..255."""

    rgba: Tensor

    @property
    def colour(self) -> Tensor:
        """[B, 3, h, T, w], 0..255."""
        return self.rgba[:, :3]

    @property
    def alpha(self) -> Tensor:
        """[B, 1, h, T, w], 0..255."""
        return self.rgba[:, 3:]

    @property
    def clear(self) -> Tensor:
        """How much of what lies behind shows, [B, 1, h, T, w], 0..1."""
        return 1 - self.alpha * (1 / 255)

    def over(self, behind: Layer) -> Layer:
        """This layer in front of another one."""
        return Layer(self.rgba + self.clear * behind.rgba)


def scaled(rect: Rect, size: int) -> Rect:
    """A rectangle of canonical pixels in the pixels of a renderer."""
    return Rect(*(side * size // FRAME_PX for side in rect))


def expansion_matrix(count: int, factor: int) -> Tensor:
    """Linear interpolation of `count` cell centres to `count * factor`, extrapolating at both ends."""
    position = (np.arange(count * factor) + 0.5) / factor - 0.5
    left = np.clip(np.floor(position).astype(int), 0, count - 2)
    matrix = np.zeros((count * factor, count))
    matrix[np.arange(count * factor), left] = 1 - (position - left)
    matrix[np.arange(count * factor), left + 1] = position - left
    return torch.tensor(matrix, dtype=torch.float32)


class Tile(nn.Module):
    """A rectangle of the frame, given in canonical pixels; expands node planes to a renderer's pixels.

    Pixels are laid out [B, channels, height, T, width]: the same row of all frames lies together, so that sampling
    finds the texture's rows in the cache.
    """

    def __init__(self, rect: Rect, size: int) -> None:
        super().__init__()
        self.rect = rect
        self.pixels = scaled(rect, size)
        node_px = NODE_PX * size // FRAME_PX
        rows, columns = rect.shape(NODE_PX)
        block = 8 if columns % 8 == 0 else 4
        self.pair_count = (block + 2) * 2
        self.register_buffer("down", expansion_matrix(rows, node_px))
        self.register_buffer("across", expansion_matrix(columns, node_px).T.contiguous())
        position = (np.arange(block * node_px) + 0.5) / node_px - 0.5
        left = np.floor(position).astype(int)
        local = np.zeros((block + 2, block * node_px))
        local[left + 1, np.arange(len(left))] = 1 - (position - left)
        local[left + 2, np.arange(len(left))] = position - left
        self.register_buffer("pairs", torch.tensor(np.kron(local, np.eye(2)), dtype=torch.float32))
        blocks = np.arange(columns // block)[:, None] * block + np.arange(block + 2)
        self.register_buffer("blocks", torch.tensor(blocks.ravel()))

    def plane(self, values: Tensor) -> Tensor:
        """[B, T, rows, columns] nodes → [B, 1, height, T, width] pixels."""
        rows, _ = self.rect.shape(NODE_PX)
        wide = (values @ self.across).permute(0, 2, 1, 3).reshape(-1, rows, T * self.pixels.width)
        return (self.down @ wide).reshape(-1, 1, self.pixels.height, T, self.pixels.width)

    def layer(self, texture: Tensor, place: Point, padding: str = "border") -> Layer:
        """RGBA [B, 4, H, W] at node coordinates of -1..1 from edge to edge."""
        pixels = sample(texture, self.grid(place), padding)
        return Layer(pixels.reshape(-1, 4, self.pixels.height, T, self.pixels.width))

    def cut(self, texture: Tensor, source: Point, covered: Rect, padding: str = "border") -> Layer:
        """RGBA that covers a rectangle of the frame, at source points in frame pixels."""
        return self.layer(texture, relative(source, covered), padding)

    def mask(self, texture: Tensor, source: Point, covered: Rect) -> Tensor:
        """A single channel 0..255 as [B, 1, h, T, w], 0..1."""
        pixels = sample(texture, self.grid(relative(source, covered)), "zeros") * (1 / 255)
        return pixels.reshape(-1, 1, self.pixels.height, T, self.pixels.width)

    def grid(self, point: Point) -> Tensor:
        """Node coordinates → pixel coordinates [B, height * T, width, 2].

        Blocks of nodes are expanded with x and y interleaved, so that nothing is transposed at full resolution.
        """
        rows, _ = self.rect.shape(NODE_PX)
        planes = []
        for plane in point:
            before = 2 * plane[:, :, :, :1] - plane[:, :, :, 1:2]
            after = 2 * plane[:, :, :, -1:] - plane[:, :, :, -2:-1]
            planes.append(torch.index_select(torch.cat([before, plane, after], 3), 3, self.blocks))
        nodes = torch.stack(planes, 1).permute(0, 3, 2, 4, 1).reshape(-1, rows, T * len(self.blocks) * 2)
        tall = (self.down @ nodes).reshape(-1, self.pair_count)
        return (tall @ self.pairs).reshape(-1, self.pixels.height * T, self.pixels.width, 2)
