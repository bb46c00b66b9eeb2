"""Where each pixel of the frame comes from: the warps of the skull layer and the jaw layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.frames import Frame, window
from models.renderer.tiles import expansion_matrix
from models.renderer.warps import Nodes, Point, T, invert_warp, warp_field
from visage.media.portrait import COARSE_PX, FACE, HEAD, JAW, JAW_CURVES, MOUTH, NODE_PX, SKULL_CURVES, Rect

_PATCH = COARSE_PX // NODE_PX


class SkullWarp(nn.Module):
    """Source points of the skull layer at the nodes of HEAD."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes, self.coarse = Nodes(HEAD, NODE_PX), Nodes(HEAD, COARSE_PX)
        self.register_buffer("lower_lid_rise", curve_mixes.lower_lid_rise())
        self.register_buffer("curves", curve_mixes.curve_positions(SKULL_CURVES))
        rows, columns = HEAD.shape(COARSE_PX)
        self.register_buffer("down", expansion_matrix(rows, _PATCH))
        self.register_buffer("across", expansion_matrix(columns, _PATCH).T.contiguous())

    def forward(self, frame: Frame) -> tuple[Point, Point]:
        """First guess on coarse nodes, and the refined points."""
        low = torch.clamp(frame.curves @ self.lower_lid_rise, -1.0, 2.6)
        chosen = torch.index_select(frame.curves, 2, self.curves)
        coefficients = torch.cat([chosen, 0 * low[:, :, :1] + 1, low], 2)
        moved = _displacement(coefficients, frame.avatar["skull_basis"], FACE)
        moved = [pad_face(plane) for plane in moved]
        nodes, coarse = self.nodes(), self.coarse()
        offset = _forward(frame, moved, frame.avatar["skull_maps"][:, :2], nodes)
        pooled = Point(*(F.avg_pool2d(plane, _PATCH) for plane in offset))
        start = Point(coarse.x + 0 * pooled.x, coarse.y + 0 * pooled.y)
        found = invert_warp(warp_field(pooled, COARSE_PX, 0.5), HEAD, coarse, start, 4) - coarse
        guess = Point(*(base + self.down @ plane @ self.across for base, plane in zip(nodes, found, strict=True)))
        return guess, invert_warp(warp_field(offset, NODE_PX, 0.3), HEAD, nodes, guess, 2)


class JawWarp(nn.Module):
    """Source points of the jaw layer at the nodes of MOUTH."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes, self.mouth = Nodes(JAW, NODE_PX), Nodes(MOUTH, NODE_PX)
        self.register_buffer("lip_parting", curve_mixes.lip_parting())
        self.register_buffer("curves", curve_mixes.curve_positions(JAW_CURVES))

    def forward(self, frame: Frame, guess: Point) -> Point:
        """guess: the skull layer's first guess at the nodes of HEAD."""
        part = torch.clamp(frame.curves @ self.lip_parting, 0, 1)
        chosen = torch.index_select(frame.curves, 2, self.curves)
        coefficients = torch.cat([chosen, 0 * part + 1, part], 2)
        moved = _displacement(coefficients, frame.avatar["jaw_basis"], JAW)
        offset = _forward(frame, moved, frame.avatar["jaw_maps"][:, :2], self.nodes())
        field = warp_field(offset, NODE_PX, 0.3)
        return invert_warp(field, JAW, self.mouth(), window(guess, MOUTH), 3)


def pad_face(plane: Tensor) -> Tensor:
    """Zeros from FACE to HEAD."""
    pad = (FACE.x - HEAD.x, HEAD.right - FACE.right, FACE.y - HEAD.y, HEAD.bottom - FACE.bottom)
    return F.pad(plane, [side // NODE_PX for side in pad])


def _forward(frame: Frame, moved: list[Tensor], maps: Tensor, nodes: Point) -> Point:
    """Expression, then head motion as far as a node follows the head. maps: [B, 2, h, w] depth and weight."""
    point = Point(nodes.x + moved[0], nodes.y + moved[1])
    depth, weight = maps[:, 0:1], maps[:, 1:2]
    turned = frame.motion.project(point, moved[2] + (depth - frame.number["pivot_z"]))
    return Point(
        moved[0] + weight * (turned.x - point.x),
        moved[1] + weight * (turned.y - point.y),
    )


def _displacement(coefficients: Tensor, basis: Tensor, rect: Rect) -> list[Tensor]:
    rows, columns = rect.shape(NODE_PX)
    moved = coefficients @ basis  # [B, T, 3 * rows * columns]
    return [plane.reshape(-1, T, rows, columns) for plane in torch.split(moved, rows * columns, 2)]
