"""The eyes: lids that stretch over the eyeballs, and the gaze."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.frames import Frame, smooth
from models.renderer.tiles import Layer, Tile
from models.renderer.warps import Nodes, Point, T, relative, sample, sample_map
from visage.media.portrait import EYE_MAP, EYE_SOURCE, EYES, HEAD, NODE_PX

RIM_MM = 1.6
GAZE_MM = 12.0
"""Radius of the eyeball."""
SMOOTHEST = 0.75
"""Share of the lid's mean colour in skin that a blink unfolds."""
EYE_REACH_MM = 24.0
"""How far before or behind the middle of both an eye may lie in a turned face."""


class Eyes(nn.Module):
    """Pixels of the tile EYES."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.tile, self.nodes = Tile(EYES, size), Nodes(EYES, NODE_PX)
        self.register_buffer("lid_closing", curve_mixes.lid_closing())
        self.register_buffer("gaze_angles", curve_mixes.gaze_angles())

    def forward(self, frame: Frame, source: Point) -> Layer:
        """source: the skull layer's points at the nodes of EYES."""
        above, travel, room, side, near = sample_map(frame.avatar["eye_maps"], source, EYE_MAP)
        left = (side > 0.5).float()
        lid, unfolded = self._lid(frame, source, (above, travel, room), left)
        ball = self._eyeball(frame, source, left, near)
        tile, avatar = self.tile, frame.avatar
        pixels = tile.cut(avatar["eye_texture"], ball, EYE_SOURCE, "zeros")
        pixels = tile.cut(avatar["head_texture"], source, HEAD).over(pixels)
        skin = self._unfold(avatar["lid_texture"], lid, unfolded)
        bare = 1 - tile.mask(avatar["glasses_mask"], source, EYE_SOURCE)
        return Layer(skin.rgba * bare).over(pixels)

    def _lid(
        self, frame: Frame, source: Point, maps: tuple[Tensor, Tensor, Tensor], left: Tensor
    ) -> tuple[Point, Tensor]:
        """Source points of the lid skin, and how much of the skin there was folded away, 0..1.

        The lash line travels fully, the skin below the brow not at all.
        """
        above, travel, room = maps
        number, closing = frame.number, torch.clamp(frame.mix(self.lid_closing), -0.4, 1.0)
        shut = _pick(left, closing[:, :, 0], closing[:, :, 1])
        way = travel * shut
        rim = RIM_MM * number["px_per_mm"]
        stretch = torch.clamp((above + way - rim) / (room + way - rim), 0, 1)
        bare = (above + way) * (1 / rim)
        unfolded = SMOOTHEST * torch.clamp(shut, 0, 1) * smooth(0.8, 2.4, bare) * smooth(1.0, 0.7, stretch)
        unfolded = unfolded * smooth(0.4, 3.0, travel)
        way = way * (1 - stretch * (0.5 + stretch * (1.5 - stretch)))
        place = Point(
            source.x - way * _pick(left, number["left_lid_x"], number["right_lid_x"]),
            source.y - way * _pick(left, number["left_lid_y"], number["right_lid_y"]),
        )
        return place, unfolded

    def _unfold(self, texture: Tensor, place: Point, unfolded: Tensor) -> Layer:
        """The lid's skin; where it was folded away it is smooth, of the lid's own mean colours."""
        near = F.avg_pool2d(texture, (12, 16))
        far = F.avg_pool2d(near, 3, stride=1, padding=1)
        means = torch.cat([near, far * 0.4], 1)
        rows, columns = EYES.shape(NODE_PX)
        grid = torch.stack(relative(place, EYE_SOURCE), 4).reshape(-1, T * rows, columns, 2)
        means = sample(means, grid).reshape(-1, 8, T, rows, columns)
        both = means[:, :4] + means[:, 4:]
        skin = self.tile.cut(texture, place, EYE_SOURCE, "zeros")
        colours = [both[:, c] * (255 / torch.clamp(both[:, 3], min=1.0)) for c in range(3)]
        soft = torch.cat([self.tile.plane(colour) for colour in colours], 1)
        share = self.tile.plane(unfolded)
        colour = skin.colour + (soft * (1 - skin.clear) - skin.colour) * share
        return Layer(torch.cat([colour, skin.alpha], 1))

    def _eyeball(self, frame: Frame, source: Point, left: Tensor, near: Tensor) -> Point:
        """Source points of the eyeballs: rigid with the skull, in the depth of the lids, moved by the gaze.

        near: the gaze's weight at `source`; where it is 0, as at the silhouette, the eyeballs go with the skin.
        """
        number = frame.number
        depth = sample_map(frame.avatar["skull_maps"][:, :1], source, HEAD)[0] - number["eye_z"]
        reach = EYE_REACH_MM * number["px_per_mm"]
        depth = number["eye_z"] - number["pivot_z"] + torch.minimum(torch.maximum(depth, -reach), reach)
        gaze = torch.sin(frame.mix(self.gaze_angles)) * (GAZE_MM * number["px_per_mm"][:, None])
        look = Point(_pick(left, gaze[:, :, 0], gaze[:, :, 2]), _pick(left, gaze[:, :, 1], gaze[:, :, 3]))
        rigid = frame.motion.unproject_plane(self.nodes(), depth)
        own = torch.clamp(4 * near, 0, 1)
        rigid = Point(source.x + (rigid.x - source.x) * own, source.y + (rigid.y - source.y) * own)
        ball = rigid
        for _ in range(2):
            share = sample_map(frame.avatar["eye_maps"][:, 4:5], ball, EYE_MAP)[0]
            ball = Point(rigid.x - look.x * share, rigid.y - look.y * share)
        return ball


def _pick(left: Tensor, if_left: Tensor, if_right: Tensor) -> Tensor:
    return if_right + (if_left - if_right) * left
