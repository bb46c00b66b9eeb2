"""Rendered frames to the wanted size and pixel layout; pictures to backgrounds. CPU work, for a thread."""

from __future__ import annotations

from typing import Final

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from visage.media.frames import FACE_CENTRE_PX, Picture, PixelLayout, covering_crop
from visage.media.portrait import FRAME_PX

COLORSPACE: Final = Colorspace.ITU601
"""Of YUV frames, with limited range: what RTC stacks and players expect at these sizes; the MP4 says so as well."""


class FrameConverter:
    """Brings frames of 512 x 512 to one size and layout; one per stream, it keeps scaling tables."""

    def __init__(self, width: int, height: int, layout: PixelLayout) -> None:
        self._width = width
        self._height = height
        self._layout = layout
        self._crop = covering_crop(FRAME_PX, FRAME_PX, width, height, FACE_CENTRE_PX)
        self._scaler = VideoReformatter()
        # Area averaging keeps a shrunk picture from shimmering; enlarged ones gain from cubic edges.
        is_enlarged = width > self._crop.width
        self._interpolation = Interpolation.BICUBIC if is_enlarged else Interpolation.AREA

    def convert(self, frame: Picture) -> av.VideoFrame:
        """Returns uint8 [512, 512, 3] as a video frame of the wanted size and layout."""
        visible = np.ascontiguousarray(frame[self._crop.slices()])
        return self._scaler.reformat(
            av.VideoFrame.from_numpy_buffer(visible, "rgb24"),
            self._width,
            self._height,
            self._layout.value,
            dst_colorspace=COLORSPACE,
            interpolation=self._interpolation,
            threads=1,
        )

    def convert_to_bytes(self, frame: Picture) -> bytes:
        """Returns uint8 [512, 512, 3] as the packed bytes of one frame."""
        converted = self.convert(frame)
        array = converted.to_ndarray(format=self._layout.value)
        return array.tobytes()


def background_of(picture: Picture) -> Picture:
    """Returns uint8 [512, 512, 3]: the middle of `picture`, scaled to cover the frame."""
    rows, columns = picture.shape[:2]
    crop = covering_crop(columns, rows, FRAME_PX, FRAME_PX)
    visible = np.ascontiguousarray(picture[crop.slices()])
    interpolation = Interpolation.AREA if crop.width >= FRAME_PX else Interpolation.BICUBIC
    source = av.VideoFrame.from_ndarray(visible, "rgb24")
    scaled = VideoReformatter().reformat(source, FRAME_PX, FRAME_PX, "rgb24", interpolation=interpolation, threads=1)
    return np.asarray(scaled.to_ndarray(), np.uint8)
