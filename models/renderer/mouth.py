"""The mouth: jaw layer in front, cavity, tongue and teeth inside."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.frames import Frame, smooth, window
from models.renderer.tiles import Layer, Tile
from models.renderer.warps import Nodes, Point, sample_map
from visage.media.arkit import CURVE_INDEX
from visage.media.portrait import (
    ATLAS_X_MM,
    HEAD,
    INTERIOR,
    JAW,
    JAW_SOURCE,
    LOWER_ATLAS_Y_MM,
    MOUTH,
    NODE_PX,
    UPPER_ATLAS_Y_MM,
)

OPEN = CURVE_INDEX["JawOpen"]
TONGUE_OUT_MM = 7.0
TONGUE_OVER_TEETH_MM = 5.0
"""How far lower teeth sink from sight under a tongue that comes forward."""
CAVITY_SHARE = 0.9
"""Share of the cavity's colour that no shadow takes away."""


class Mouth(nn.Module):
    """Pixels of the tile MOUTH."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.tile, self.inside = Tile(MOUTH, size), Tile(INTERIOR, size)
        self.nodes = Nodes(INTERIOR, NODE_PX)
        self.register_buffer("jaw_travel", curve_mixes.jaw_travel())

    def forward(self, frame: Frame, skull: Point, jaw: Point) -> Layer:
        """skull, jaw: source points of the two layers at the nodes of MOUTH."""
        colour, zone = self._interior(frame, window(skull, INTERIOR, MOUTH), window(jaw, INTERIOR, MOUTH))
        interior = torch.cat([colour * zone, 255 * zone], 1)
        inner, outer = self.inside.pixels, self.tile.pixels
        around = [inner.x - outer.x, outer.right - inner.right, 0, 0, inner.y - outer.y, outer.bottom - inner.bottom]
        pixels = self.tile.cut(frame.avatar["head_texture"], skull, HEAD).over(Layer(F.pad(interior, around)))
        return self.tile.cut(frame.avatar["jaw_texture"], jaw, JAW_SOURCE, "zeros").over(pixels)

    def _interior(self, frame: Frame, skull: Point, jaw: Point) -> tuple[Tensor, Tensor]:
        """Cavity, tongue, lower and upper teeth; colour [B, 3, h, T, w] and where the mouth may show them."""
        upper = self._skull_point(frame)
        below, zone = sample_map(frame.avatar["skull_maps"][:, 2:4], skull, HEAD)
        above = sample_map(frame.avatar["jaw_maps"][:, 2:3], jaw, JAW)[0]
        gap = below + above
        wide = smooth(2.0, 14.0, gap)
        # Little light falls between lips that are hardly open, and less under the upper lip and far back.
        lit = 0.40 + 0.60 * smooth(0.4, 4.0, gap)
        shade_upper = (0.32 + 0.68 * smooth(-0.5, 3.4, below)) * (0.84 + 0.16 * wide) * lit
        shade_lower = (0.36 + 0.64 * smooth(-0.5, 4.0, above)) * (0.55 + 0.45 * wide) * 0.90 * lit
        shade_tongue = (0.50 + 0.50 * smooth(-0.5, 6.0, above)) * (0.34 + 0.66 * smooth(0.0, 13.0, below))
        cheek = (1 - smooth(1.0, 11.0, gap)) * torch.clamp(2 * frame.curves[:, :, OPEN, None, None], 0, 1)
        walls = torch.exp(-torch.clamp(above, min=0) * 0.16) + 0.8 * torch.exp(-torch.clamp(below, min=0) * 0.2)
        shade_cavity = 0.40 + 0.50 * walls * wide + 0.45 * cheek
        out = frame.curves[:, :, CURVE_INDEX["TongueOut"], None, None]
        tip = torch.clamp(1.5 * out, 0, 1) * smooth(16.0, 8.0, torch.abs(upper.x))
        forward = 0.85 * (0.50 + 0.50 * smooth(-0.5, 2.5, above))
        shade_tongue = shade_tongue + (forward - shade_tongue) * tip * 0.8
        jaw_move = frame.mix(self.jaw_travel)
        lower = Point(upper.x - jaw_move[:, :, 0], upper.y - jaw_move[:, :, 1])
        tongue = Point(lower.x, lower.y + out * TONGUE_OUT_MM)
        teeth = Point(lower.x, lower.y - tip * TONGUE_OVER_TEETH_MM)
        cavity = frame.colours["cavity"]
        colour = cavity * self.inside.plane(shade_cavity - CAVITY_SHARE)
        for name, point, y_range, shade in (
            ("tongue", tongue, LOWER_ATLAS_Y_MM, shade_tongue),
            ("lower_teeth", teeth, LOWER_ATLAS_Y_MM, shade_lower),
            ("upper_teeth", upper, UPPER_ATLAS_Y_MM, shade_upper),
        ):
            layer = self._atlas(frame, name, point, y_range)
            colour = layer.colour * self.inside.plane(shade) + layer.clear * colour
        return colour + cavity * CAVITY_SHARE, self.inside.plane(torch.clamp(zone * 4 - 1, 0, 1))

    def _skull_point(self, frame: Frame) -> Point:
        """Millimetres from the middle of the closed lip line, in the plane of the upper teeth."""
        number = frame.number
        plane = frame.motion.unproject_plane(self.nodes(), number["teeth_z"] - number["pivot_z"])
        dx, dy = plane.x - number["mouth_x"], plane.y - number["mouth_y"]
        mm = 1 / number["px_per_mm"]
        return Point(
            (dx * number["mouth_axis_xx"] + dy * number["mouth_axis_xy"]) * mm,
            (dx * number["mouth_axis_yx"] + dy * number["mouth_axis_yy"]) * mm - number["seam_mm"],
        )

    def _atlas(self, frame: Frame, name: str, point: Point, y_range: tuple[int, int]) -> Layer:
        """A mouth texture relative to the cavity's colour, so that its shade fades into the cavity."""
        texture = frame.avatar[name]
        colour, alpha = texture[:, :3], texture[:, 3:]
        cavity = frame.colours["cavity"][:, :, :, :, 0] * (CAVITY_SHARE / 255)
        faded = torch.cat([colour - alpha * cavity, alpha], 1)
        width, height = ATLAS_X_MM[1] - ATLAS_X_MM[0], y_range[1] - y_range[0]
        middle = sum(y_range) / 2
        place = Point(point.x * (2 / width), (point.y - middle) * (2 / height))
        return self.inside.layer(faded, place, "zeros")
