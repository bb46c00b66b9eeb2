"""Light on the face: the photo's own, turned with the head, blended with a key light in its place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.frames import Frame
from models.renderer.head_warps import pad_face
from models.renderer.warps import Point, T, sample_field
from visage.media.portrait import FACE, FOLD_CURVES, HEAD, LIGHT, NODE_PX

DARKEST, BRIGHTEST = 0.72, 1.35
"""Limits of relighting a turned face in the photo's own light."""
DIMMEST = 0.12
"""Least brightness of a surface in the photo's own light."""
AMBIENT, KEY = 0.26, 0.86
"""Brightness of light from all sides, and of the key light on a surface that faces it; 1 is the photo's brightness."""
WRAP = 0.18
"""How far beyond the terminator skin still glows, as a cosine."""
EVENING = (0.6, 1.7)
"""Limits of what takes the photo's own light off."""


class Lighting(nn.Module):
    """Factors of red, green and blue at the nodes of HEAD."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fold_curves", curve_mixes.curve_positions(FOLD_CURVES))

    def forward(self, frame: Frame, skull: Point) -> list[Tensor]:
        """skull: the skull layer's source points. Three planes [B, T, rows, columns]."""
        rows, columns = FACE.shape(NODE_PX)
        folds = torch.index_select(frame.curves, 2, self.fold_curves) @ frame.avatar["fold_basis"]
        folds = pad_face(folds.reshape(-1, T, rows, columns))
        photo = (1 + folds) * (1 + self._turned(frame)) - 1
        ambient, key = self._key_light(frame)
        gains = []
        for channel in range(3):
            tint = frame.colours["fold"][:, channel]
            lit = (1 + folds * tint) * (ambient + key * frame.light[LIGHT[4 + channel]]) - 1
            own = photo * tint
            gains.append(1 + own + frame.light["intensity"] * (lit - own))
        return sample_field(torch.stack(gains, 2), skull, HEAD)

    @staticmethod
    def _turned(frame: Frame) -> Tensor:
        """How much brighter the photo's own light makes the turned head than the still one."""
        maps, brightness = frame.avatar["skull_maps"], frame.number["light_0"]
        light = [frame.number[f"light_{axis}"] for axis in ("x", "y", "z")]
        for axis, turned in enumerate(frame.motion.into_head(light)):
            brightness = brightness + turned * maps[:, 4 + axis : 5 + axis]
        change = torch.clamp(torch.clamp(brightness, min=DIMMEST) * maps[:, 7:8], DARKEST, BRIGHTEST) - 1
        return maps[:, 8:9] * change

    @staticmethod
    def _key_light(frame: Frame) -> tuple[Tensor, Tensor]:
        """Factors, with the photo's own light taken off, of the light from all sides and of a white key light."""
        maps = frame.avatar["skull_maps"]
        direction = [frame.light[axis] for axis in ("x", "y", "z")]
        follows = maps[:, 1:2]
        facing = 0 * follows
        for axis, (still, turned) in enumerate(zip(direction, frame.motion.into_head(direction), strict=True)):
            facing = facing + (still + follows * (turned - still)) * maps[:, 4 + axis : 5 + axis]
        frontal = torch.clamp(frame.number["light_0"] - frame.number["light_z"], min=DIMMEST)
        even = torch.clamp(frontal * maps[:, 7:8], *EVENING)
        return AMBIENT * even, KEY * even * torch.clamp((facing + WRAP) * (1 / (1 + WRAP)), min=0)
