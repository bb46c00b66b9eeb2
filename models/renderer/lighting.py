"""Light on the face: the photo's own, turned with the head, blended with a key light in its place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.frames import Frame
from models.renderer.head_warps import pad_face
from models.renderer.shadows import Shadows
from models.renderer.tiles import margin
from models.renderer.warps import Point, T, sample_field
from visage.media.portrait import FACE, FOLD_CURVES, HEAD, LIGHT, NODE_PX

DARKEST, BRIGHTEST = 0.72, 1.35
"""Limits of relighting a turned face in the photo's own light."""
DIMMEST = 0.12
"""Least brightness of a surface in the photo's own light."""
AMBIENT, KEY = 0.28, 0.82
"""Brightness of light from all sides, and of the key light on a surface that faces it; 1 is the photo's brightness."""
WRAP = 0.18
"""How far beyond the terminator skin still glows, as a cosine."""
EVENING = (0.6, 1.7)
"""Limits of what takes the photo's own light off."""


class Gain(NamedTuple):
    """What light does to a colour channel: 1 + plain * tint + key * colour.

    plain, key: planes [B, T, rows, columns]; tint, colour: of the three channels, [B, 3, 1, 1, T, 1].
    """

    plain: Tensor
    key: Tensor
    tint: Tensor
    colour: Tensor

    def of(self, plain: Tensor, key: Tensor) -> Tensor:
        """The factors where the two planes have these values, [B, 1, …, T, w] → [B, 3, …, T, w]."""
        return 1 + plain * self.tint + key * self.colour


class Lighting(nn.Module):
    """The light at the nodes of HEAD."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fold_curves", curve_mixes.curve_positions(FOLD_CURVES))
        self.shadows = Shadows()

    def forward(self, frame: Frame, skull: Point) -> Gain:
        """skull: the skull layer's source points. The planes are those of HEAD with a margin."""
        rows, columns = FACE.shape(NODE_PX)
        folds = torch.index_select(frame.curves, 2, self.fold_curves) @ frame.avatar["fold_basis"]
        folds = 1 + pad_face(folds.reshape(-1, T, rows, columns))
        own = folds * (1 + self._turned(frame)) - 1
        ambient, key = self._key_light(frame)
        intensity = frame.light["intensity"]
        plain = own + intensity * (folds * ambient - 1 - own)
        plain, key = sample_field(torch.stack([plain, intensity * folds * key], 2), skull, HEAD)
        # Folds are tinted in the photo's light only: the light from all sides would get the tint as well.
        share = torch.clamp(intensity * 4, max=1).permute(0, 3, 2, 1)[:, :, None, :, :, None]
        tint = 1 + (frame.colours["fold"][..., None] - 1) * (1 - share)
        colour = torch.cat([frame.light[name] for name in LIGHT[4:]], 3).permute(0, 3, 2, 1)[:, :, None, :, :, None]
        return Gain(margin(plain), margin(key), tint, colour)

    @staticmethod
    def _turned(frame: Frame) -> Tensor:
        """How much brighter the photo's own light makes the turned head than the still one."""
        maps, brightness = frame.avatar["skull_maps"], frame.number["light_0"]
        light = [frame.number[f"light_{axis}"] for axis in ("x", "y", "z")]
        for axis, turned in enumerate(frame.motion.into_head(light)):
            brightness = brightness + turned * maps[:, 4 + axis : 5 + axis]
        change = torch.clamp(torch.clamp(brightness, min=DIMMEST) * maps[:, 7:8], DARKEST, BRIGHTEST) - 1
        return maps[:, 8:9] * change

    def _key_light(self, frame: Frame) -> tuple[Tensor, Tensor]:
        """Factors, with the photo's own light taken off, of the light from all sides and of a white key light."""
        maps = frame.avatar["skull_maps"]
        still = [frame.light[axis] for axis in ("x", "y", "z")]
        turned = frame.motion.into_head(still)
        follows = maps[:, 1:2]
        facing = sum(
            (still[axis] + follows * (turned[axis] - still[axis])) * maps[:, 4 + axis : 5 + axis] for axis in range(3)
        )
        frontal = torch.clamp(frame.number["light_0"] - frame.number["light_z"], min=DIMMEST)
        even = torch.clamp(frontal * maps[:, 7:8], *EVENING)
        lit = torch.clamp((facing + WRAP) * (1 / (1 + WRAP)), min=0) * self.shadows(maps[:, 9:10], turned)
        return AMBIENT * even, KEY * even * lit
