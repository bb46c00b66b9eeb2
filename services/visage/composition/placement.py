"""Where a rendered frame comes to lie in a picture, in whole pixels."""

from __future__ import annotations

from typing import Final, NamedTuple

from visage.composition.camera import View
from visage.media.portrait import FRAME_PX, Rect

SIDE_FADE_PX: Final = 48
"""Columns of the canonical frame in which shoulders that reach its side fade out."""
TOP_FADE_PX: Final = 32
"""Rows in which hair that reaches its top does."""


class Placement(NamedTuple):
    """All lengths are even, since chroma is half as dense.

    Attributes:
        source: What is taken of the rendered frame.
        target: Where in the picture it comes to lie.
        fade: Columns and rows of the picture in which the frame fades at a side that is seen.
    """

    source: Rect
    target: Rect
    fade: tuple[int, int]


def place(view: View, size: int, width: int, height: int) -> Placement:
    """Returns where the frame, rendered at `size` pixels, goes in a picture of width x height that shows `view`."""
    left, top = max(view.x, 0.0), max(view.y, 0.0)
    right, bottom = min(view.x + view.width, FRAME_PX), min(view.y + view.height, FRAME_PX)
    density = size / FRAME_PX
    across, down = width / view.width, height / view.height
    source = _even_rect(left * density, top * density, right * density, bottom * density, size, size)
    x, y = left - view.x, top - view.y
    target = _even_rect(x * across, y * down, (right - view.x) * across, (bottom - view.y) * down, width, height)
    fade = min(_even(SIDE_FADE_PX * across), target.width), min(_even(TOP_FADE_PX * down), target.height)
    return Placement(source, target, fade)


def _even(value: float) -> int:
    return 2 * round(value / 2)


def _even_rect(left: float, top: float, right: float, bottom: float, columns: int, rows: int) -> Rect:
    """The nearest rectangle with even sides within columns x rows, at least 2 x 2."""
    x, y = min(_even(left), columns - 2), min(_even(top), rows - 2)
    return Rect(x, y, max(_even(right) - x, 2), max(_even(bottom) - y, 2))
