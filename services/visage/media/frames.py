"""Pictures as arrays: layouts of uncompressed frames, what of a picture another shape shows, plain colours.

Pictures are uint8 [rows, columns, 3] in RGB.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.portrait import FRAME_PX, Rect

Picture = NDArray[np.uint8]

FACE_CENTRE_PX: Final = (256.0, 272.0)
"""Point of the canonical frame that a crop keeps in its middle: brow and chin are equally far from it."""

_COLOR: Final = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


class PixelLayout(Enum):
    """How the bytes of an uncompressed frame lie; the value is FFmpeg's name. Rows are packed."""

    RGB24 = "rgb24"
    """R, G, B per pixel."""
    RGBA32 = "rgba"
    """R, G, B, A per pixel; R, G and B are premultiplied."""
    NV12 = "nv12"
    """Plane Y, then a half-size plane of U and V side by side."""
    I420 = "yuv420p"
    """Plane Y, then the half-size planes U and V."""

    def frame_bytes(self, width: int, height: int) -> int:
        """Bytes of one frame; width and height are even."""
        half_bytes = {PixelLayout.RGB24: 6, PixelLayout.RGBA32: 8}.get(self, 3)
        return width * height * half_bytes // 2


def covering_crop(
    source_width: int, source_height: int, width: int, height: int, centre: tuple[float, float] | None = None
) -> Rect:
    """Returns the largest part of the source that has the shape of width : height.

    Args:
        source_width: Columns of the source.
        source_height: Rows of the source.
        width: Wanted columns; only their ratio to `height` counts.
        height: Wanted rows.
        centre: Point (x, y) of the source to keep in the middle as far as its edges allow; by default its centre.
    """
    scale = max(width / source_width, height / source_height)
    columns = min(source_width, max(1, round(width / scale)))
    rows = min(source_height, max(1, round(height / scale)))
    centre_x, centre_y = centre or (source_width / 2, source_height / 2)
    x = min(max(round(centre_x - columns / 2), 0), source_width - columns)
    y = min(max(round(centre_y - rows / 2), 0), source_height - rows)
    return Rect(x, y, columns, rows)


def color_values(color: str) -> tuple[int, int, int]:
    """Returns red, green and blue, 0..255, of "#rrggbb"; raises ValueError for another form."""
    match = _COLOR.fullmatch(color)
    if match is None:
        raise ValueError(f"a colour is written #rrggbb, not {color!r}")
    red, green, blue = (int(part, 16) for part in match.groups())
    return red, green, blue


def solid_picture(color: str, width: int = FRAME_PX, height: int = FRAME_PX) -> Picture:
    """Returns a picture of one colour, given as "#rrggbb"; raises ValueError for another form."""
    return np.broadcast_to(np.array(color_values(color), np.uint8), (height, width, 3)).copy()
