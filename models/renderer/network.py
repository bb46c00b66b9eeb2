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
from models.renderer.lighting import Gain, Lighting
from models.renderer.mouth import Mouth
from models.renderer.tiles import Layer, Tile, expansion_matrix, margin
from models.renderer.warps import Point, T
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
        self.eyes, self.mouth = Eyes(), Mouth(size)
        self.top = Tile(_between(HEAD.x, HEAD.y, HEAD.right, EYES.y), size)
        self.left = Tile(_between(HEAD.x, EYES.y, EYES.x, HEAD.bottom), size)
        self.right = Tile(_between(EYES.right, EYES.y, HEAD.right, HEAD.bottom), size)
        # EYES and MOUTH have the same columns and share some rows.
        self.upper = Tile(_between(EYES.x, EYES.y, EYES.right, MOUTH.y), size)
        self.shared = Tile(_between(EYES.x, MOUTH.y, EYES.right, EYES.bottom), size)
        self.lower = Tile(_between(MOUTH.x, EYES.bottom, MOUTH.right, MOUTH.bottom), size)
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
        gain = self.lighting(frame, skull)
        around = Point(margin(skull.x), margin(skull.y))
        background = avatar["background"].permute(0, 3, 1, 2)  # [B, 3, S, S]

        def finish(tile: Tile, layer: Layer) -> Planes:
            colour, alpha = layer.parts()
            light = gain.of(*(tile.plane(window(plane, tile.rect)) for plane in (gain.plain, gain.key)))
            behind = _behind(background, tile)
            return deliver(colour * light + (1 - alpha * (1 / 255)) * behind, alpha)

        def head(tile: Tile) -> Layer:
            return tile.cut(avatar["head_texture"], window(around, tile.rect), HEAD)

        eyes = self.eyes(frame, window(skull, EYES))
        mouth = self.mouth(frame, window(skull, MOUTH), jaw)
        upper, shared, lower = self.upper, self.shared, self.lower
        face = self.eyes.lids(frame, eyes, upper).over(head(upper).over(self.eyes.balls(frame, eyes, upper)))
        inside = Layer(self.eyes.balls(frame, eyes, shared).rgba + self.mouth.inner(mouth, shared).rgba)
        both = self.eyes.lids(frame, eyes, shared).over(head(shared).over(inside))
        both = self.mouth.jaw(frame, jaw, shared).over(both)
        chin = self.mouth.jaw(frame, jaw, lower).over(head(lower).over(self.mouth.inner(mouth, lower)))
        middle = below(finish(upper, face), finish(shared, both), finish(lower, chin))
        sides = beside(finish(self.left, head(self.left)), middle, finish(self.right, head(self.right)))
        foot = self._foot(avatar["foot"], gain, background)
        picture = below(finish(self.top, head(self.top)), sides, foot)
        return frames(picture), coverage(picture), planar_yuv(picture)

    def _foot(self, texture: Tensor, gain: Gain, background: Tensor) -> Planes:
        """The rows below HEAD, which do not move; lit as the last row above them."""
        colour, alpha = Layer(texture[:, :, None, :, None]).parts()  # [B, …, 1, rows, 1, S]
        last = ((plane[:, :, -2:-1, 1:-1] @ self.foot).permute(0, 2, 1, 3) for plane in (gain.plain, gain.key))
        light = gain.of(*(plane[:, None, None] for plane in last))
        behind = background[:, :, None, -int(texture.shape[2]) :, None]
        return deliver(colour * light + (1 - alpha * (1 / 255)) * behind, alpha.expand(-1, -1, -1, -1, T, -1))


def _behind(background: Tensor, tile: Tile) -> Tensor:
    rect, (rows, node_px, _, width) = tile.pixels, tile.shape
    part = background[:, :, rect.y : rect.bottom, rect.x : rect.right]
    return part.reshape(-1, 3, rows, node_px, 1, width)


def _between(left: int, top: int, right: int, bottom: int) -> Rect:
    return Rect(left, top, right - left, bottom - top)
