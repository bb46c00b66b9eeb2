"""Soft shadows that the head throws on itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.renderer.tiles import expansion_matrix
from models.renderer.warps import Point, T, node_planes, relative, sample
from visage.media.portrait import HEAD, NODE_PX

CELL_PX = 8
"""Cell of the grid that shadows are computed on."""
REACH_PX = (5.0, 10.0, 18.0, 30.0, 48.0, 76.0)
"""How far along the way to the light the surface is looked at."""
CONTACT_PX = 1.5
"""Depth behind the surface at which a point is not yet in its shadow."""
PENUMBRA = 0.55
"""How much of its distance from what shades it a point must lie behind to be fully in the dark."""


class Shadows(nn.Module):
    """How much of the key light reaches the nodes of HEAD, 0..1."""

    def __init__(self) -> None:
        super().__init__()
        nodes = relative(Point(*node_planes(HEAD, CELL_PX)), HEAD)
        self.register_buffer("nodes", torch.stack(nodes, -1))  # [1, 1, rows, columns, 2]
        sides = torch.tensor([2 / HEAD.width, 2 / HEAD.height])
        self.register_buffer("steps", torch.tensor(REACH_PX)[:, None, None, None] * sides)  # [reach, 1, 1, 2]
        rows, columns = HEAD.shape(CELL_PX)
        self.register_buffer("down", expansion_matrix(rows, CELL_PX // NODE_PX))
        self.register_buffer("across", expansion_matrix(columns, CELL_PX // NODE_PX).T.contiguous())
        self.register_buffer("reach", torch.tensor(REACH_PX)[None, :, None, None, None])

    def forward(self, depth: Tensor, light: list[Tensor]) -> Tensor:
        """depth [B, 1, rows, columns] in pixels; light: direction towards it as the head sees it, [B, T, 1, 1] each."""
        depth = F.avg_pool2d(depth, CELL_PX // NODE_PX)
        rows, columns = HEAD.shape(CELL_PX)
        steps = self.steps * torch.cat(light[:2], 3)[:, None]  # [B, reach, T, 1, 2]
        place = self.nodes[:, None] + steps[:, :, :, None]
        surface = sample(depth, place.reshape(-1, len(REACH_PX) * T * rows, columns, 2))
        behind = depth[:, None] + self.reach * light[2][:, None] - surface.reshape(-1, len(REACH_PX), T, rows, columns)
        shade = torch.clamp((behind - CONTACT_PX) / (PENUMBRA * self.reach), 0, 1).amax(1)  # [B, T, rows, columns]
        shade = shade * shade * (3 - 2 * shade)
        return 1 - self.down @ shade @ self.across
