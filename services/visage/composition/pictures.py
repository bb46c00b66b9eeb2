"""Pixels between layouts and sizes, by swscale; pictures to backgrounds. CPU work, for a thread.

An array in I420 is uint8 [rows * 3 / 2, columns]: plane Y, then the half-size planes U and V.
"""

from __future__ import annotations

from typing import Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from visage.composition.values import Frames
from visage.media.frames import Picture, PixelLayout, covering_crop
from visage.media.portrait import Rect

COLORSPACE: Final = Colorspace.ITU601
"""Of YUV frames, with limited range: what RTC stacks and players expect at these sizes; the MP4 says so as well."""

_LAYOUTS: Final = {3: PixelLayout.RGB24, 4: PixelLayout.RGBA32}


class Scaler:
    """Brings pictures to one size and layout; one per stream, it keeps scaling tables."""

    def __init__(self, width: int, height: int, layout: PixelLayout) -> None:
        self._width = width
        self._height = height
        self._layout = layout
        self._reformatter = VideoReformatter()

    def scale(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns the frame as wanted; a frame that is so already comes back as it is."""
        # Area averaging keeps a shrunk picture from shimmering; enlarged ones gain from cubic edges.
        is_enlarged = self._width > frame.width or self._height > frame.height
        return self._reformatter.reformat(
            frame,
            self._width,
            self._height,
            self._layout.value,
            src_colorspace=COLORSPACE,
            dst_colorspace=COLORSPACE,
            interpolation=Interpolation.BICUBIC if is_enlarged else Interpolation.AREA,
            threads=1,
        )


def layout_of(array: Frames) -> PixelLayout:
    """Returns how a picture's array lies: I420, RGB24 or RGBA32."""
    return PixelLayout.I420 if array.ndim == 2 else _LAYOUTS[array.shape[2]]


def video_frame(array: Frames) -> av.VideoFrame:
    """Returns an array in I420, RGB24 or RGBA32 as a video frame, which shares its memory if it can."""
    layout = layout_of(array)
    if layout is not PixelLayout.I420:
        return av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(array), layout.value)
    if array.shape[0] % 6:
        # PyAV would round the rows down to a multiple of four.
        frame = av.VideoFrame(array.shape[1], array.shape[0] * 2 // 3, layout.value)
        for plane, given in zip(frame_planes(frame), planes_of(array), strict=True):
            plane[:] = given
    else:
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(array), layout.value)
    frame.colorspace, frame.color_range = COLORSPACE, ColorRange.MPEG
    return frame


def planes_of(array: Frames) -> list[Frames]:
    """Returns views of an array's planes: Y, U and V of I420, else the array itself."""
    if layout_of(array) is not PixelLayout.I420:
        return [array]
    rows, columns = array.shape[0] * 2 // 3, array.shape[1]
    flat = array.reshape(-1)
    luma, chroma = rows * columns, rows * columns // 4
    half = rows // 2, columns // 2
    return [
        flat[:luma].reshape(rows, columns),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma :].reshape(half),
    ]


def frame_planes(frame: av.VideoFrame) -> list[Frames]:
    """Returns views of a video frame's planes; their rows may be padded in memory.

    I420 has Y, U and V; NV12 has Y and [rows / 2, columns] of U and V by turns; the others have one with channels.
    """
    name = frame.format.name
    channels = {PixelLayout.RGB24.value: 3, PixelLayout.RGBA32.value: 4}.get(name, 1)
    planes = []
    for index, plane in enumerate(frame.planes):
        columns = frame.width if name == PixelLayout.NV12.value and index else plane.width
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : columns * channels]
        planes.append(rows if channels == 1 else rows.reshape(plane.height, columns, channels))
    return planes


def cropped(array: Frames, crop: Rect) -> Frames:
    """Returns a part of a picture; in I420 the crop's sides are even."""
    if layout_of(array) is not PixelLayout.I420:
        return array[crop.slices()]
    if (crop.width, crop.height) == (array.shape[1], array.shape[0] * 2 // 3):
        return array
    parts = [plane[crop.slices(cell_px=cell)] for plane, cell in zip(planes_of(array), (1, 2, 2), strict=True)]
    return np.concatenate([part.reshape(-1) for part in parts]).reshape(-1, crop.width)


def packed_array(frame: av.VideoFrame) -> Frames:
    """Returns a copy of a frame with rows packed: [rows * 3 / 2, columns] in YUV, else [rows, columns, channels]."""
    planes = frame_planes(frame)
    if len(planes) == 1:
        return np.array(planes[0])
    return np.concatenate([plane.reshape(-1) for plane in planes]).reshape(-1, frame.width)


def packed_bytes(frame: av.VideoFrame) -> bytes:
    """Returns a frame's bytes, rows packed."""
    return b"".join(np.ascontiguousarray(plane).data for plane in frame_planes(frame))


def covering(picture: Picture, width: int, height: int) -> Picture:
    """Returns uint8 [height, width, 3]: the middle of `picture`, scaled to cover that."""
    rows, columns = picture.shape[:2]
    crop = covering_crop(columns, rows, width, height)
    return scaled(picture[crop.slices()], width, height)


def scaled(picture: Picture, width: int, height: int) -> Picture:
    """Returns a picture of the wanted size."""
    frame = Scaler(width, height, PixelLayout.RGB24).scale(video_frame(picture))
    return packed_array(frame)
