"""The renderer: curves, head pose and light in, frames of one avatar out, without learned weights.

An item is one avatar and T = 8 frames. Layers of the photo (head, jaw, lids, eyeballs) and a drawn mouth interior are
moved by smooth warps and composed over a background. Warps are computed on coarse node grids and inverted by Newton's
method; pixels are touched once per layer, within that layer's window. All sizes share the node grids.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.renderer.delivery import Planes, below, beside, coverage, deliver, frames, planar_yuv
from models.renderer.eyes import Eyes
from models.renderer.frames import FrameReader, window
from models.renderer.head_warps import JawWarp, SkullWarp
from models.renderer.lighting import Lighting
from models.renderer.mouth import Mouth
from models.renderer.tiles import Layer, Tile, expansion_matrix
from models.renderer.warps import T
from visage.media.portrait import EYES, FOOT, FRAME_PX, HEAD, MOUTH, NODE_PX, Rect, avatar_tensors

OUTPUTS = ("frames", "alpha", "yuv")


class Renderer(nn.Module):
    """Pictures of `size` x `size` pixels."""

    def __init__(self, size: int = FRAME_PX) -> None:
        super().__init__()
        self.size = size
        self.read = FrameReader()
        self.skull_warp, self.jaw_warp = SkullWarp(), JawWarp()
        self.lighting = Lighting()
        self.eyes, self.mouth = Eyes(size), Mouth(size)
        self.top = Tile(Rect(HEAD.x, HEAD.y, HEAD.width, EYES.y - HEAD.y), size)
        self.left = Tile(Rect(HEAD.x, EYES.y, EYES.x - HEAD.x, HEAD.bottom - EYES.y), size)
        self.right = Tile(Rect(EYES.right, EYES.y, HEAD.right - EYES.right, HEAD.bottom - EYES.y), size)
        columns = FOOT.width // NODE_PX
        self.register_buffer("foot", expansion_matrix(columns, size // columns).T.contiguous())

    def forward(self, curves: Tensor, pose: Tensor, light: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The outputs: frames uint8 [B, 8, S, S, 3], alpha uint8 [B, 8, S, S], yuv uint8 [B, 8, S * 3 / 2, S].

        curves [B, 8, 52], pose [B, 8, 6], light [B, 8, 7]; tensors: `avatar_tensors` in their order, with batch axis.
        """
        avatar = {spec.name: tensor for spec, tensor in zip(avatar_tensors(self.size), tensors, strict=True)}
        avatar = {name: tensor if tensor.dtype == torch.float32 else tensor.float() for name, tensor in avatar.items()}
        frame = self.read(curves, pose, light, avatar)
        guess, skull = self.skull_warp(frame)
        jaw = self.jaw_warp(frame, guess)
        gains = self.lighting(frame, skull)
        background = avatar["background"].permute(0, 3, 1, 2)[:, :, :, None]  # [B, 3, S, 1, S]

        def finish(tile: Tile, layer: Layer) -> Planes:
            gain = torch.cat([tile.plane(window(plane, tile.rect)) for plane in gains], 1)
            return deliver(layer.colour * gain + layer.clear * _behind(background, tile.pixels), layer.alpha)

        def plain(tile: Tile) -> Planes:
            return finish(tile, tile.cut(avatar["head_texture"], window(skull, tile.rect), HEAD))

        eyes = finish(self.eyes.tile, self.eyes(frame, window(skull, EYES)))
        mouth = finish(self.mouth.tile, self.mouth(frame, window(skull, MOUTH), jaw))
        foot = self._foot(avatar["foot"], [plane[:, :, -1:] for plane in gains], background)
        picture = below(plain(self.top), beside(plain(self.left), below(eyes, mouth), plain(self.right)), foot)
        return frames(picture), coverage(picture), planar_yuv(picture)

    def _foot(self, texture: Tensor, gains: list[Tensor], background: Tensor) -> Planes:
        """The rows below HEAD, which do not move; lit as the last row above them."""
        layer = Layer(texture[:, :, :, None])
        gain = torch.stack([plane @ self.foot for plane in gains], 1).permute(0, 1, 3, 2, 4)  # [B, 3, 1, T, S]
        height = int(texture.shape[2])
        behind = background[:, :, -height:]
        colour = layer.colour * gain + layer.clear * behind
        return deliver(colour, layer.alpha.expand(-1, -1, -1, T, -1))


def _behind(background: Tensor, rect: Rect) -> Tensor:
    return background[:, :, rect.y : rect.bottom, :, rect.x : rect.right]
