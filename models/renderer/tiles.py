"""From node grids to pixels: tiles of the frame and the layers sampled in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.renderer.warps import Point, T, relative, sample
from visage.media.portrait import FRAME_PX, NODE_PX, Rect


class Layer(NamedTuple):
    """Pixels of one layer or of several composed ones, [B, 4, `Tile.shape`]: premultiplied colour and alpha, 0..255."""

    rgba: Tensor

    def parts(self) -> tuple[Tensor, Tensor]:
        """Colour [B, 3, …] and alpha [B, 1, …], 0..255."""
        colour, alpha = torch.split(self.rgba, [3, 1], 1)  # unlike two slices, this copies nothing
        return colour, alpha

    def over(self, behind: Layer) -> Layer:
        """This layer in front of another one."""
        _, alpha = self.parts()
        return Layer(self.rgba + (1 - alpha * (1 / 255)) * behind.rgba)


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


def margin(plane: Tensor) -> Tensor:
    """A plane [B, T, rows, columns] with one more node on every side, extrapolated."""
    sides = (1, 1, 1, 1)
    return 2 * F.pad(plane, sides, mode="replicate") - F.pad(plane, sides, mode="reflect")


class Tile(nn.Module):
    """A rectangle of the frame, given in canonical pixels; expands node planes to a renderer's pixels.

    Pixels are laid out [B, channels, rows of nodes, pixels per node, T, width]: the same row of all frames lies
    together, so that sampling finds the texture's rows in the cache. Nodes are expanded along rows by small matrices,
    block by block, and then down the columns by weighted sums of three rows, which the runtimes fuse with what follows.
    """

    def __init__(self, rect: Rect, size: int) -> None:
        super().__init__()
        self.rect = rect
        self.pixels = scaled(rect, size)
        self.node_px = NODE_PX * size // FRAME_PX
        rows, columns = rect.shape(NODE_PX)
        self.shape = (rows, self.node_px, T, self.pixels.width)
        block = 8 if columns % 8 == 0 else 4
        self.block_nodes = block + 2
        position = (np.arange(block * self.node_px) + 0.5) / self.node_px - 0.5
        left = np.floor(position).astype(int)
        local = np.zeros((block + 2, block * self.node_px))
        local[left + 1, np.arange(len(left))] = 1 - (position - left)
        local[left + 2, np.arange(len(left))] = position - left
        self.register_buffer("single", torch.tensor(local, dtype=torch.float32))
        self.register_buffer("pairs", torch.tensor(np.kron(local, np.eye(2)), dtype=torch.float32))
        blocks = np.arange(columns // block)[:, None] * block + np.arange(block + 2)
        self.register_buffer("blocks", torch.tensor(blocks.ravel()))
        phase = (np.arange(self.node_px) + 0.5) / self.node_px - 0.5
        for name, weight in (("above", -phase), ("at", 1 - np.abs(phase)), ("under", phase)):
            self.register_buffer(name, torch.tensor(np.clip(weight, 0, None), dtype=torch.float32)[:, None])

    def plane(self, values: Tensor) -> Tensor:
        """Nodes [B, T, rows, columns], with or without `margin` → pixels [B, 1, `shape`]."""
        if int(values.shape[2]) == self.shape[0]:
            values = margin(values)
        nodes = torch.index_select(values, 3, self.blocks).permute(0, 2, 1, 3)
        # The new shape ends what is fused: without it each channel would expand the plane again.
        return self._expand(nodes, self.single).reshape(-1, 1, *self.shape)

    def layer(self, texture: Tensor, place: Point, padding: str = "border") -> Layer:
        """RGBA [B, 4, H, W] at node coordinates of -1..1 from edge to edge."""
        pixels = sample(texture, self.grid(place), padding)
        return Layer(pixels.reshape(-1, 4, *self.shape))

    def cut(self, texture: Tensor, source: Point, covered: Rect, padding: str = "border") -> Layer:
        """RGBA that covers a rectangle of the frame, at source points in frame pixels."""
        return self.layer(texture, relative(source, covered), padding)

    def mask(self, texture: Tensor, source: Point, covered: Rect) -> Tensor:
        """A single channel 0..255 as [B, 1, `shape`], 0..1."""
        pixels = sample(texture, self.grid(relative(source, covered)), "zeros") * (1 / 255)
        return pixels.reshape(-1, 1, *self.shape)

    def grid(self, point: Point) -> Tensor:
        """Node coordinates, with or without `margin` → pixel coordinates [B, height * T, width, 2].

        x and y are interleaved before they are expanded, so that nothing is transposed at full resolution.
        """
        if int(point.x.shape[2]) == self.shape[0]:
            point = Point(margin(point.x), margin(point.y))
        nodes = torch.index_select(torch.stack(point, 1), 4, self.blocks).permute(0, 3, 2, 4, 1)
        return self._expand(nodes, self.pairs).reshape(-1, self.pixels.height * T, self.pixels.width, 2)

    def _expand(self, nodes: Tensor, matrix: Tensor) -> Tensor:
        """nodes [B, rows + 2, T, block after block …] → [B, rows, pixels per node, T * width * …]."""
        rows, length = self.shape[0], T * self.pixels.width * int(matrix.shape[0]) // self.block_nodes
        above, at, under = (
            (nodes.narrow(1, start, rows).reshape(-1, int(matrix.shape[0])) @ matrix).reshape(-1, rows, 1, length)
            for start in range(3)
        )
        return above * self.above + at * self.at + under * self.under
