"""The eyes: lids that stretch over the eyeballs, and the gaze."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.frames import Frame, window
from models.renderer.tiles import Layer, Tile
from models.renderer.warps import Nodes, Point, sample_map
from visage.media.portrait import EYE_MAP, EYE_SOURCE, EYES, NODE_PX

RIM_MM = 1.6
GAZE_MM = 12.0
"""Radius of the eyeball."""


class EyePlaces(NamedTuple):
    """Source points at the nodes of EYES."""

    skull: Point
    lid: Point
    ball: Point

    def within(self, tile: Tile) -> EyePlaces:
        """Those at the nodes of a tile."""
        return EyePlaces(*(window(point, tile.rect, EYES) for point in self))


class Eyes(nn.Module):
    """Layers of the eyes within EYES."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = Nodes(EYES, NODE_PX)
        self.register_buffer("lid_closing", curve_mixes.lid_closing())
        self.register_buffer("gaze_angles", curve_mixes.gaze_angles())

    def forward(self, frame: Frame, source: Point) -> EyePlaces:
        """source: the skull layer's points at the nodes of EYES."""
        above, travel, room, side, _ = sample_map(frame.avatar["eye_maps"], source, EYE_MAP)
        left = (side > 0.5).float()
        lid = self._lid(frame, source, (above, travel, room), left)
        return EyePlaces(source, lid, self._eyeball(frame, left))

    @staticmethod
    def balls(frame: Frame, places: EyePlaces, tile: Tile) -> Layer:
        """The eyeballs, behind the head; a tile within EYES."""
        return tile.cut(frame.avatar["eye_texture"], places.within(tile).ball, EYE_SOURCE, "zeros")

    @staticmethod
    def lids(frame: Frame, places: EyePlaces, tile: Tile) -> Layer:
        """The lids but for what glasses cover, before the head; a tile within EYES."""
        here = places.within(tile)
        skin = tile.cut(frame.avatar["lid_texture"], here.lid, EYE_SOURCE, "zeros")
        return Layer(skin.rgba * (1 - tile.mask(frame.avatar["glasses_mask"], here.skull, EYE_SOURCE)))

    def _lid(self, frame: Frame, source: Point, maps: tuple[Tensor, Tensor, Tensor], left: Tensor) -> Point:
        """Source points of the lid skin: the lash line travels fully, the skin below the brow not at all."""
        above, travel, room = maps
        number, closing = frame.number, torch.clamp(frame.mix(self.lid_closing), -0.4, 1.0)
        way = travel * _pick(left, closing[:, :, 0], closing[:, :, 1])
        rim = RIM_MM * number["px_per_mm"]
        stretch = torch.clamp((above + way - rim) / (room + way - rim), 0, 1)
        way = way * (1 - stretch * (0.5 + stretch * (1.5 - stretch)))
        return Point(
            source.x - way * _pick(left, number["left_lid_x"], number["right_lid_x"]),
            source.y - way * _pick(left, number["left_lid_y"], number["right_lid_y"]),
        )

    def _eyeball(self, frame: Frame, left: Tensor) -> Point:
        """Source points of the eyeballs: rigid with the skull, moved by the gaze."""
        number = frame.number
        gaze = torch.sin(frame.mix(self.gaze_angles)) * (GAZE_MM * number["px_per_mm"][:, None])
        look = Point(_pick(left, gaze[:, :, 0], gaze[:, :, 2]), _pick(left, gaze[:, :, 1], gaze[:, :, 3]))
        rigid = frame.motion.unproject_plane(self.nodes(), number["eye_z"] - number["pivot_z"])
        ball = rigid
        for _ in range(2):
            share = sample_map(frame.avatar["eye_maps"][:, 4:5], ball, EYE_MAP)[0]
            ball = Point(rigid.x - look.x * share, rigid.y - look.y * share)
        return ball


def _pick(left: Tensor, if_left: Tensor, if_right: Tensor) -> Tensor:
    return if_right + (if_left - if_right) * left
