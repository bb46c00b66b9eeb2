"""Rendered frames to the pictures of a stream: crop, scale, and a place on a canvas. CPU work, for a thread."""

from __future__ import annotations

import av
import numpy as np

from visage.composition.canvas import Canvas, blank
from visage.composition.pictures import Scaler, cropped, scaled, video_frame
from visage.composition.placement import Placement
from visage.composition.values import Frames
from visage.media.frames import Picture, PixelLayout
from visage.media.portrait import Rect


def frame_background(behind: Picture, placement: Placement, size: int) -> Picture:
    """Returns uint8 [size, size, 3], the renderer's background that continues `behind`, [rows, columns, 3]."""
    source, target = placement.source, placement.target
    visible = scaled(behind[target.slices()], source.width, source.height)
    around = ((source.y, size - source.bottom), (source.x, size - source.right), (0, 0))
    return np.pad(visible, around, "edge")


class Framer:
    """Makes pictures of rendered frames; one per stream, used by one thread at a time.

    Attributes:
        width: Columns of the pictures.
        height: Rows of them.
        layout: How their pixels lie.
    """

    def __init__(
        self, placement: Placement, width: int, height: int, layout: PixelLayout, behind: Picture | None = None
    ) -> None:
        """Prepares.

        Args:
            placement: Of the frame in the pictures.
            width: Columns of the pictures.
            height: Rows of them.
            layout: How their pixels are to lie.
            behind: [height, width, 3], what is seen where the frame is not; None is black, transparent in RGBA32.
        """
        self.width, self.height, self.layout = width, height, layout
        self._source, target = placement.source, placement.target
        self._canvas: Canvas | None = None
        drawn = layout
        if target != Rect(0, 0, width, height):
            # Planes of NV12 are interleaved: it is made of I420 once all is in its place.
            drawn = PixelLayout.I420 if layout is PixelLayout.NV12 else layout
            self._canvas = Canvas(blank(behind, width, height, drawn), placement)
        self._scaler = Scaler(target.width, target.height, drawn)
        self._last = Scaler(width, height, layout)

    def draw(self, rendered: Frames) -> av.VideoFrame:
        """Returns the picture of a frame: I420 [size * 3 / 2, size], RGB or premultiplied RGBA [size, size, 3 or 4]."""
        drawn = self._scaler.scale(video_frame(cropped(rendered, self._source)))
        if self._canvas is None:
            return drawn
        return self._last.scale(video_frame(self._canvas.hold(drawn)))
