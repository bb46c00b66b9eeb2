"""What all layers of a batch of items share: curves made neutral for the avatar, head motion, the avatar's tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.warps import HeadMotion, Point
from visage.media.arkit import CURVE_INDEX
from visage.media.portrait import HEAD, LIGHT, NODE_PX, SCALARS, Rect

CURVE_RANGE = (-0.3, 1.2)
"""Windows and depth are dimensioned for curves in this range."""


@dataclass
class Frame:
    """What all layers of a batch of items share."""

    curves: Tensor  # [B, T, 52]
    motion: HeadMotion
    avatar: dict[str, Tensor]
    number: dict[str, Tensor]  # scalars [B, 1, 1, 1]
    colours: dict[str, Tensor]  # [B, 3, 1, 1, 1]
    light: dict[str, Tensor]  # `LIGHT` by name, the direction of length 1: [B, T, 1, 1]

    def mix(self, matrix: Tensor) -> Tensor:
        """Mixture of curves, planes of one value: [B, T, columns, 1, 1]."""
        return (self.curves @ matrix)[..., None, None]


class FrameReader(nn.Module):
    """Makes a `Frame` of the graph's inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("smile_release", curve_mixes.smile_release())
        smile = curve_mixes.mixture({"MouthSmileLeft": 1.0}, {"MouthSmileRight": 1.0})
        self.register_buffer("smile_curves", smile.T.contiguous())

    def forward(self, curves: Tensor, pose: Tensor, light: Tensor, avatar: dict[str, Tensor]) -> Frame:
        """curves [B, T, 52], pose [B, T, 6], light [B, T, 7]; avatar: its tensors as float32."""
        scalars = avatar["scalars"]
        number = {name: scalars[:, i, None, None, None] for i, name in enumerate(SCALARS)}
        colours = {}
        for name in ("cavity", "fold"):
            start = SCALARS.index(f"{name}_r")
            colours[name] = scalars[:, start : start + 3, None, None, None]
        first = SCALARS.index("left_smile_gain")
        gain, smile = scalars[:, None, first : first + 2], scalars[:, None, first + 2 : first + 4]
        curves = _limit(curves)
        curves = curves * (1 + (gain - 1) @ self.smile_curves)
        release = torch.clamp(curves @ self.smile_release, 0, 1)
        curves = curves - release * (smile @ self.smile_curves)
        pivot = (number["pivot_x"], number["pivot_y"], number["pivot_z"])
        return Frame(curves, HeadMotion(pose, pivot, number["px_per_mm"]), avatar, number, colours, _key_light(light))


def _key_light(light: Tensor) -> dict[str, Tensor]:
    """`LIGHT` by name, [B, T, 1, 1]: direction of length 1 (frontal where there is none), the rest within 0..1."""
    x, y, z = light[:, :, :1], light[:, :, 1:2], light[:, :, 2:3] - 1e-6
    length = torch.rsqrt(x * x + y * y + z * z)
    shares = torch.clamp(light[:, :, 3:], 0, 1)
    entries = [x * length, y * length, z * length, *(shares[:, :, i : i + 1] for i in range(4))]
    return {name: entry[..., None] for name, entry in zip(LIGHT, entries, strict=True)}


def _limit(curves: Tensor) -> Tensor:
    """Curves within `CURVE_RANGE`; MouthClose only undoes JawOpen, it cannot push closed lips into each other."""
    curves = torch.clamp(curves, *CURVE_RANGE)
    jaw, close = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
    contact = torch.minimum(curves[:, :, close : close + 1], torch.clamp(curves[:, :, jaw : jaw + 1], min=0))
    return torch.cat([curves[:, :, :close], contact, curves[:, :, close + 1 :]], 2)


def smooth(start: float, stop: float, value: Tensor) -> Tensor:
    """0 at `start`, 1 at `stop`, cubic between."""
    position = torch.clamp((value - start) * (1 / (stop - start)), 0, 1)
    return position * position * (3 - 2 * position)


@overload
def window(planes: Tensor, rect: Rect, outer: Rect = ...) -> Tensor: ...
@overload
def window(planes: Point, rect: Rect, outer: Rect = ...) -> Point: ...
def window(planes: Tensor | Point, rect: Rect, outer: Rect = HEAD) -> Tensor | Point:
    """The nodes of `rect` out of those of `outer`; of planes with a margin, the nodes of `rect` with a margin."""
    if isinstance(planes, Point):
        return Point(window(planes.x, rect, outer), window(planes.y, rect, outer))
    top, left = (rect.y - outer.y) // NODE_PX, (rect.x - outer.x) // NODE_PX
    rows, columns = rect.shape(NODE_PX)
    margin = int(planes.shape[2]) - outer.height // NODE_PX
    return planes[:, :, top : top + rows + margin, left : left + columns + margin]
