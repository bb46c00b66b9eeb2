"""What is seen around a frame that does not fill its picture, and how the frame's sides fade into it."""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from visage.composition.pictures import Scaler, frame_planes, packed_array, planes_of, video_frame
from visage.composition.placement import Placement
from visage.composition.values import Frames
from visage.media.frames import Picture, PixelLayout
from visage.media.portrait import Rect


class _Fade(NamedTuple):
    """A strip of one plane where the frame gives way to the canvas; `weights` of the frame are 0..256."""

    slices: tuple[slice, slice]
    weights: NDArray[np.int32]


class Canvas:
    """A picture with a place for a frame.

    The frame was rendered before this canvas, or before nothing where it is transparent. Blending the two is therefore
    the same as letting the avatar alone fade.
    """

    def __init__(self, picture: Frames, placement: Placement) -> None:
        """Takes the picture, in I420, RGB24 or RGBA32."""
        self._picture = picture
        self._target = placement.target
        columns = planes_of(picture)[0].shape[1]
        self._cells = [columns // plane.shape[1] for plane in planes_of(picture)]
        self._fades = [
            [_fade(strip, cell, plane.ndim) for strip in _strips(placement, columns)]
            for plane, cell in zip(planes_of(picture), self._cells, strict=True)
        ]

    def hold(self, frame: av.VideoFrame) -> Frames:
        """Returns a copy that shows the frame, which has the size of its place and the canvas's layout."""
        picture = self._picture.copy()
        planes = planes_of(picture), planes_of(self._picture), frame_planes(frame)
        for plane, behind, before, cell, fades in zip(*planes, self._cells, self._fades, strict=True):
            plane[self._target.slices(cell_px=cell)] = before
            for slices, weights in fades:
                back = behind[slices].astype(np.int32)
                plane[slices] = back + ((plane[slices] - back) * weights + 128 >> 8)
        return picture


def blank(behind: Picture | None, width: int, height: int, layout: PixelLayout) -> Frames:
    """Returns a canvas of width x height in I420, RGB24 or RGBA32 that shows `behind`, or nothing."""
    if layout is PixelLayout.RGBA32:
        return np.zeros((height, width, 4), np.uint8)
    picture = np.zeros((height, width, 3), np.uint8) if behind is None else behind
    return packed_array(Scaler(width, height, layout).scale(video_frame(picture)))


class _Strip(NamedTuple):
    rect: Rect
    axis: int
    is_rising: bool


def _strips(placement: Placement, columns: int) -> list[_Strip]:
    """The strips along those sides of the frame that lie within the picture; nothing is below it."""
    target, (across, down) = placement.target, placement.fade
    strips = []
    if target.x > 0:
        strips.append(_Strip(Rect(target.x, target.y, across, target.height), 1, True))
    if target.right < columns:
        strips.append(_Strip(Rect(target.right - across, target.y, across, target.height), 1, False))
    if target.y > 0:
        strips.append(_Strip(Rect(target.x, target.y, target.width, down), 0, True))
    return strips


def _fade(strip: _Strip, cell_px: int, dimensions: int) -> _Fade:
    """A smooth step across the strip, in the pixels of a plane."""
    count = strip.rect.shape(cell_px)[strip.axis]
    step = (np.arange(count) + 0.5) / max(count, 1)
    rising = np.rint(256 * step * step * (3 - 2 * step)).astype(np.int32)
    weights = rising if strip.is_rising else rising[::-1]
    shape = [1] * dimensions
    shape[strip.axis] = count
    return _Fade(strip.rect.slices(cell_px), weights.reshape(shape))
