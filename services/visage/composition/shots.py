"""From a scene and its avatar to what the renderer is asked for and how its frames become pictures. For a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visage.composition.camera import UNCUT, Outline, render_size, view_of
from visage.composition.framer import Framer, frame_background
from visage.composition.pictures import covering
from visage.composition.placement import place
from visage.composition.scene_limits import CAMERA_FIELD, light_rows
from visage.composition.values import Look, Mp4Delivery, Pixels, RawDelivery, Scene
from visage.media.frames import Picture, PixelLayout, solid_picture
from visage.media.portrait import FRAME_PX, HEAD

_OPAQUE: Final = 32
"""Alpha, of 255, that is seen at the frame's side."""
_CUT: Final = 0.03
"""Share of the frame's top row that hair may touch without looking cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """How a scene is shown.

    Attributes:
        look: What the renderer is asked for.
        framer: Makes pictures of what it answers.
        clamped: Paths of the fields that were out of range for this picture.
    """

    look: Look
    framer: Framer
    clamped: tuple[str, ...]


def plan_shot(scene: Scene, avatar_tensors: Mapping[str, NDArray[Any]], image: Picture | None) -> Shot:
    """Returns the shot of a scene that is within its limits.

    Args:
        scene: Who, where, how big.
        avatar_tensors: Of the avatar, as stored.
        image: The picture that the scene's background names, [rows, columns, 3]; None where it names none.
    """
    width, height = scene.video.width, scene.video.height
    layout = delivered_layout(scene.video.delivery)
    is_transparent = layout is PixelLayout.RGBA32
    behind: Picture | None = None
    if image is not None:
        behind = covering(image, width, height)
    elif isinstance(scene.background, str):
        behind = solid_picture(scene.background, width, height)
    is_free = is_transparent or behind is not None
    outline = outline_of(avatar_tensors) if is_free else UNCUT
    view, stopped = view_of(scene.camera, width, height, is_free, outline)
    size = render_size(view, width)
    placement = place(view, size, width, height)
    background: Picture | None = None
    if is_transparent:
        background = np.zeros((size, size, 3), np.uint8)
    elif behind is not None:
        background = frame_background(behind, placement, size)
    look = Look(size, _PIXELS[layout], light_rows(scene.light), background)
    framer = Framer(placement, width, height, layout, behind)
    return Shot(look, framer, tuple(f"{CAMERA_FIELD}.{name}" for name in stopped))


def delivered_layout(delivery: Mp4Delivery | RawDelivery) -> PixelLayout:
    """Returns the layout of the pictures that a delivery takes; H.264 is made of I420."""
    return PixelLayout.I420 if isinstance(delivery, Mp4Delivery) else delivery.layout


_PIXELS: Final = {
    PixelLayout.I420: Pixels.YUV,
    PixelLayout.NV12: Pixels.YUV,
    PixelLayout.RGB24: Pixels.RGB,
    PixelLayout.RGBA32: Pixels.RGBA,
}


def outline_of(avatar_tensors: Mapping[str, NDArray[Any]]) -> Outline:
    """Returns where the frame cuts an avatar, by the alpha of its textures at the frame's edges."""
    head, foot = avatar_tensors["head_texture"][3], avatar_tensors["foot"][3]
    shoulder_px = _first_row(head, HEAD.height)
    if shoulder_px == HEAD.height:
        shoulder_px += _first_row(foot, FRAME_PX - HEAD.height)
    return Outline(shoulder_px, bool((head[0] > _OPAQUE).mean() > _CUT))


def _first_row(alpha: NDArray[np.uint8], canonical_rows: int) -> int:
    """The first row whose first or last column is seen, in canonical pixels; `canonical_rows` if none is."""
    rows = np.flatnonzero(np.maximum(alpha[:, 0], alpha[:, -1]) > _OPAQUE)
    return int(rows[0]) * canonical_rows // len(alpha) if len(rows) else canonical_rows
