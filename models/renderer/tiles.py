"""From node grids to pixels: tiles of the frame and the layers sampled in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.renderer.warps import Point, T, relative, sample
from visage.media.portrait import NODE_PX, Rect


@dataclass
class Layer:
    """Sampled pixels: colour [B, 3, h, T, w] premultiplied 0..255, alpha [B, 1, h, T, w]."""

    colour: Tensor
    alpha: Tensor

    def over(self, behind: Tensor) -> Tensor:
        """This layer in front of opaque pixels."""
        return self.colour + (1 - self.alpha) * behind


def expansion_matrix(count: int, factor: int) -> Tensor:
    """Linear interpolation of `count` cell centres to `count * factor`, extrapolating at both ends."""
    position = (np.arange(count * factor) + 0.5) / factor - 0.5
    left = np.clip(np.floor(position).astype(int), 0, count - 2)
    matrix = np.zeros((count * factor, count))
    matrix[np.arange(count * factor), left] = 1 - (position - left)
    matrix[np.arange(count * factor), left + 1] = position - left
    return torch.tensor(matrix, dtype=torch.float32)


class Tile(nn.Module):
    """A rectangle of the frame; expands node planes to pixels by matrix products.

    Pixels are laid out [B, channels, height, T, width]: the same row of all frames lies together, so that sampling
    finds the texture's rows in the cache.
    """

    def __init__(self, rect: Rect) -> None:
        super().__init__()
        self.rect = rect
        rows, columns = rect.shape(NODE_PX)
        block = 8 if columns % 8 == 0 else 4
        self.pair_count = (block + 2) * 2
        self.register_buffer("down", expansion_matrix(rows, NODE_PX))
        self.register_buffer("across", expansion_matrix(columns, NODE_PX).T.contiguous())
        position = (np.arange(block * NODE_PX) + 0.5) / NODE_PX - 0.5
        left = np.floor(position).astype(int)
        local = np.zeros((block + 2, block * NODE_PX))
        local[left + 1, np.arange(len(left))] = 1 - (position - left)
        local[left + 2, np.arange(len(left))] = position - left
        self.register_buffer("pairs", torch.tensor(np.kron(local, np.eye(2)), dtype=torch.float32))
        blocks = np.arange(columns // block)[:, None] * block + np.arange(block + 2)
        self.register_buffer("blocks", torch.tensor(blocks.ravel()))

    def plane(self, values: Tensor) -> Tensor:
        """[B, T, rows, columns] nodes → [B, 1, height, T, width] pixels."""
        rows, _ = self.rect.shape(NODE_PX)
        wide = (values @ self.across).permute(0, 2, 1, 3).reshape(-1, rows, T * self.rect.width)
        return (self.down @ wide).reshape(-1, 1, self.rect.height, T, self.rect.width)

    def layer(self, texture: Tensor, place: Point, padding: str = "border") -> Layer:
        """RGBA [B, 4, H, W] at node coordinates of -1..1 from edge to edge."""
        pixels = sample(texture, self.grid(place), padding)
        pixels = pixels.reshape(-1, 4, self.rect.height, T, self.rect.width)
        return Layer(pixels[:, :3], pixels[:, 3:] * (1 / 255))

    def cut(self, texture: Tensor, source: Point, covered: Rect, padding: str = "border") -> Layer:
        """RGBA that covers a rectangle of the frame, at source points in frame pixels."""
        return self.layer(texture, relative(source, covered), padding)

    def mask(self, texture: Tensor, source: Point, covered: Rect) -> Tensor:
        """A single channel 0..255 as [B, 1, h, T, w], 0..1."""
        pixels = sample(texture, self.grid(relative(source, covered)), "zeros") * (1 / 255)
        return pixels.reshape(-1, 1, self.rect.height, T, self.rect.width)

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
        return (tall @ self.pairs).reshape(-1, self.rect.height * T, self.rect.width, 2)
