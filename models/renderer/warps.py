"""Geometry in the graph: head motion and inverse warps on node grids.

Planes are tensors [B, T, rows, columns], one value per node and frame; coordinates are frame pixels. B counts avatars,
T the frames of an item. Shapes are fixed but for B.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visage.media.curves import POSE_LIMITS
from visage.media.portrait import (
    CAMERA_DISTANCE_MM,
    CENTRE_X_PX,
    EYE_LINE_PX,
    FRAMES_PER_ITEM,
    POSE_REACH,
    Rect,
)

T = FRAMES_PER_ITEM


class Point(NamedTuple):
    """x and y planes."""

    x: Tensor
    y: Tensor

    def __sub__(self, other: Point) -> Point:  # type: ignore[override]
        return Point(self.x - other.x, self.y - other.y)


def node_planes(rect: Rect, cell_px: int) -> tuple[Tensor, Tensor]:
    """x and y of the node centres of `rect`, float32 [1, 1, rows, columns]."""
    rows, columns = rect.shape(cell_px)
    x = rect.x + (torch.arange(columns) + 0.5) * cell_px
    y = rect.y + (torch.arange(rows) + 0.5) * cell_px
    return x.expand(1, 1, rows, columns).contiguous(), y[:, None].expand(1, 1, rows, columns).contiguous()


class Nodes(nn.Module):
    """The node centres of a rectangle as constants."""

    def __init__(self, rect: Rect, cell_px: int) -> None:
        super().__init__()
        x, y = node_planes(rect, cell_px)
        self.register_buffer("x", x)
        self.register_buffer("y", y)

    def forward(self) -> Point:
        """Planes [1, 1, rows, columns]."""
        return Point(self.x, self.y)


def relative(point: Point, rect: Rect) -> Point:
    """Coordinates relative to `rect`, -1..1 from edge to edge."""
    return Point(
        point.x * (2 / rect.width) - (2 * rect.x / rect.width + 1),
        point.y * (2 / rect.height) - (2 * rect.y / rect.height + 1),
    )


def sample(texture: Tensor, grid: Tensor, padding: str = "border") -> Tensor:
    """Bilinear samples of [B, C, h, w] at a grid of -1..1 from edge to edge."""
    return F.grid_sample(texture, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def _node_grid(point: Point, rect: Rect) -> Tensor:
    """[B, T, rows, columns, 2]; stacking planes and permuting is faster than interleaving."""
    return torch.stack(relative(point, rect), 2).permute(0, 1, 3, 4, 2)


def _size(point: Point) -> tuple[int, int]:
    """Rows and columns as numbers, so that the traced graph holds no shape arithmetic."""
    return int(point.x.shape[2]), int(point.x.shape[3])


def sample_map(maps: Tensor, point: Point, rect: Rect) -> list[Tensor]:
    """An avatar's maps [B, C, h, w] over `rect` at each frame's points: C planes."""
    rows, columns = _size(point)
    values = sample(maps, _node_grid(point, rect).reshape(-1, T * rows, columns, 2))
    return [plane.reshape(-1, T, rows, columns) for plane in torch.split(values, 1, 1)]


def sample_field(field: Tensor, point: Point, rect: Rect) -> list[Tensor]:
    """Per-frame maps [B, T, C, h, w] over `rect` at each frame's points: C planes."""
    channels, height, width = (int(side) for side in field.shape[2:])
    rows, columns = _size(point)
    values = sample(field.reshape(-1, channels, height, width), _node_grid(point, rect).reshape(-1, rows, columns, 2))
    return [plane.reshape(-1, T, rows, columns) for plane in torch.split(values, 1, 1)]


class HeadMotion:
    """The rotated, translated head seen in perspective, for a batch of poses [B, T, 6] (degrees, millimetres)."""

    def __init__(self, pose: Tensor, pivot: tuple[Tensor, Tensor, Tensor], px_per_mm: Tensor) -> None:
        limits = torch.tensor(POSE_LIMITS, device=pose.device)
        share = torch.clamp(pose / limits, -1, 1)
        length = torch.sqrt((share * share).sum(2, keepdim=True) + 1e-12)
        pose = share * limits * torch.clamp(POSE_REACH / length, max=1)
        radians = pose[:, :, :3] * (np.pi / 180)
        cosines, sines = torch.cos(radians), torch.sin(radians)
        cy, cp, cr = (cosines[:, :, i, None, None] for i in range(3))
        sy, sp, sr = (sines[:, :, i, None, None] for i in range(3))
        sp = -sp  # positive pitch looks up, y runs down
        mid_x, mid_z = -sp * sy, -sp * cy
        self.rotation = (
            (cr * cy - sr * mid_x, -sr * cp, -cr * sy - sr * mid_z),
            (sr * cy + cr * mid_x, cr * cp, -sr * sy + cr * mid_z),
            (cp * sy, sp, cp * cy),
        )
        self.shift = [pose[:, :, 3 + i, None, None] * px_per_mm for i in range(3)]
        self.pivot = pivot
        self.focal = px_per_mm * CAMERA_DISTANCE_MM

    def into_head(self, direction: list[Tensor]) -> list[Tensor]:
        """A direction (x, y, z) of the frame as the turned head sees it."""
        return [sum(direction[row] * self.rotation[row][axis] for row in range(3)) for axis in range(3)]

    def project(self, point: Point, z: Tensor) -> Point:
        """Frame points with depth z (pixels, relative to the pivot) after the motion."""
        lift = (self.focal + z) / self.focal
        off_x, off_y = CENTRE_X_PX - self.pivot[0], EYE_LINE_PX - self.pivot[1]
        x, y = (point.x - CENTRE_X_PX) * lift + off_x, (point.y - EYE_LINE_PX) * lift + off_y
        turned = [r[0] * x + r[1] * y + r[2] * z for r in self.rotation]
        scale = self.focal / (self.focal + turned[2] + self.shift[2])
        return Point(
            (turned[0] + (self.shift[0] - off_x)) * scale + CENTRE_X_PX,
            (turned[1] + (self.shift[1] - off_y)) * scale + EYE_LINE_PX,
        )

    def unproject_plane(self, point: Point, z: Tensor) -> Point:
        """Where on the plane of depth z a point of the moved head comes from, by two Newton steps."""
        (a, b, _), (c, d, _), _ = self.rotation
        inverse = 1 / (a * d - b * c)
        source = point
        for _ in range(2):
            error = self.project(source, z) - point
            source = Point(
                source.x - (d * error.x - b * error.y) * inverse, source.y - (a * error.y - c * error.x) * inverse
            )
        return source


def warp_field(offset: Point, cell_px: float, least_determinant: float) -> Tensor:
    """Offsets of a forward warp with the inverse of its Jacobian, [B, T, 6, h, w]."""
    slopes = []
    for plane in offset:
        padded = F.pad(plane, (1, 1, 1, 1), mode="replicate")
        slopes.append((padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) * (0.5 / cell_px))
        slopes.append((padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) * (0.5 / cell_px))
    a, b, c, d = slopes[0] + 1, slopes[1], slopes[2], slopes[3] + 1
    inverse = 1 / torch.clamp(a * d - b * c, min=least_determinant)
    return torch.stack([offset.x, offset.y, d * inverse, -c * inverse, -b * inverse, a * inverse], 2)


def invert_warp(field: Tensor, rect: Rect, target: Point, start: Point, steps: int) -> Point:
    """Newton steps towards the source points whose forward warp is `target`."""
    source = start
    for _ in range(steps):
        dx, dy, xx, yx, xy, yy = sample_field(field, source, rect)
        error_x, error_y = source.x + dx - target.x, source.y + dy - target.y
        source = Point(source.x - (xx * error_x + xy * error_y), source.y - (yx * error_x + yy * error_y))
    return source
