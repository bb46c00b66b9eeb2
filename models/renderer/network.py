"""The renderer: curves and head pose in, frames of one avatar out, without learned weights.

An item is one avatar and T = 8 frames. Layers of the photo (head, jaw, lids, eyeballs) and a drawn mouth interior are
moved by smooth warps and composed over a background. Warps are computed on coarse node grids and inverted by Newton's
method; pixels are touched once per layer, within that layer's window.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.renderer import curve_mixes
from models.renderer.eyes import Eyes
from models.renderer.frames import Frame, FrameReader, window
from models.renderer.head_warps import JawWarp, SkullWarp, pad_face
from models.renderer.mouth import Mouth
from models.renderer.tiles import Tile
from models.renderer.warps import Point, T, sample_field
from visage.media.portrait import AVATAR_TENSORS, EYES, FACE, FOLD_CURVES, FOOT, HEAD, MOUTH, NODE_PX, Rect

DARKEST, BRIGHTEST = 0.72, 1.35
"""Limits of relighting a turned face."""


class Renderer(nn.Module):
    """curves [B, 8, 52], pose [B, 8, 6] and the avatar's tensors → frames uint8 [B, 8, 512, 512, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.read = FrameReader()
        self.skull_warp, self.jaw_warp = SkullWarp(), JawWarp()
        self.eyes, self.mouth = Eyes(), Mouth()
        self.top = Tile(Rect(HEAD.x, HEAD.y, HEAD.width, EYES.y - HEAD.y))
        self.left = Tile(Rect(HEAD.x, EYES.y, EYES.x - HEAD.x, HEAD.bottom - EYES.y))
        self.right = Tile(Rect(EYES.right, EYES.y, HEAD.right - EYES.right, HEAD.bottom - EYES.y))
        self.register_buffer("fold_curves", curve_mixes.curve_positions(FOLD_CURVES))

    def forward(self, curves: Tensor, pose: Tensor, *tensors: Tensor) -> Tensor:
        """tensors: `AVATAR_TENSORS` in their order, with batch axis."""
        avatar = {spec.name: tensor for spec, tensor in zip(AVATAR_TENSORS, tensors, strict=True)}
        avatar = {name: tensor if tensor.dtype == torch.float32 else tensor.float() for name, tensor in avatar.items()}
        frame = self.read(curves, pose, avatar)
        guess, skull = self.skull_warp(frame)
        jaw = self.jaw_warp(frame, guess)
        shade = self._shading(frame, skull)
        background = avatar["background"].permute(0, 3, 1, 2)[:, :, :, None]  # [B, 3, 512, 1, 512]

        def finish(tile: Tile, pixels: Tensor) -> Tensor:
            light = 1 + tile.plane(window(shade, tile.rect)) * frame.colours["fold"]
            return _to_bytes(pixels * light)

        def plain(tile: Tile) -> Tensor:
            layer = tile.cut(avatar["head_texture"], window(skull, tile.rect), HEAD)
            return finish(tile, layer.over(_behind(background, tile.rect)))

        eyes = self.eyes(frame, window(skull, EYES), _behind(background, EYES))
        mouth = self.mouth(frame, window(skull, MOUTH), jaw, _behind(background, MOUTH))
        middle = torch.cat([finish(self.eyes.tile, eyes), finish(self.mouth.tile, mouth)], 2)
        lower = torch.cat([plain(self.left), middle, plain(self.right)], 4)
        head = torch.cat([plain(self.top), lower], 2).permute(0, 3, 2, 4, 1)
        return torch.cat([head, self._still_foot(avatar["foot"], background)], 2)

    def _shading(self, frame: Frame, skull: Point) -> Tensor:
        """Relative brightness minus 1 at the nodes of HEAD, from folds and the turned normals."""
        rows, columns = FACE.shape(NODE_PX)
        folds = torch.index_select(frame.curves, 2, self.fold_curves) @ frame.avatar["fold_basis"]
        folds = pad_face(folds.reshape(-1, T, rows, columns))
        maps, light = frame.avatar["skull_maps"], [frame.number[f"light_{name}"] for name in ("x", "y", "z")]
        brightness = frame.number["light_0"]
        for axis in range(3):
            turned = sum(light[row] * frame.motion.rotation[row][axis] for row in range(3))
            brightness = brightness + turned * maps[:, 4 + axis : 5 + axis]
        change = torch.clamp(torch.clamp(brightness, min=0.12) * maps[:, 7:8], DARKEST, BRIGHTEST) - 1
        shade = (1 + folds) * (1 + maps[:, 8:9] * change) - 1
        return sample_field(shade[:, :, None], skull, HEAD)[0]

    @staticmethod
    def _still_foot(texture: Tensor, background: Tensor) -> Tensor:
        """The rows below HEAD, the same in all frames: [B, T, rows, 512, 3]."""
        colour, alpha = texture[:, :3, :, None], texture[:, 3:, :, None] * (1 / 255)
        still = _to_bytes(colour + (1 - alpha) * _behind(background, FOOT)).permute(0, 3, 2, 4, 1)
        return torch.cat([still] * T, 1)


def _behind(background: Tensor, rect: Rect) -> Tensor:
    return background[:, :, rect.y : rect.bottom, :, rect.x : rect.right]


def _to_bytes(pixels: Tensor) -> Tensor:
    return torch.clamp(pixels + 0.5, 0, 255).to(torch.uint8)
