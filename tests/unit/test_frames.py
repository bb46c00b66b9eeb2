"""Layouts, crops and plain colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.media.frames import FACE_CENTRE_PX, PixelLayout, covering_crop, solid_picture
from visage.media.portrait import EYE_LINE_PX, MOUTH_LINE_PX, Rect

pytestmark = pytest.mark.unit

SIDES = st.integers(1, 4000)


def test_a_yuv_frame_has_half_the_bytes_of_rgb() -> None:
    """4:2:0 keeps a quarter of each chroma plane."""
    assert PixelLayout.I420.frame_bytes(64, 32) == PixelLayout.NV12.frame_bytes(64, 32) == 64 * 32 * 3 // 2
    assert PixelLayout.RGB24.frame_bytes(64, 32) == 64 * 32 * 3


def test_the_same_shape_is_not_cropped() -> None:
    """A square of a square is all of it."""
    assert covering_crop(512, 512, 1024, 1024) == Rect(0, 0, 512, 512)


def test_a_wide_picture_keeps_eyes_and_mouth() -> None:
    """At 16:9 the crop of the canonical frame reaches from above the eyes to below the mouth."""
    crop = covering_crop(512, 512, 1024, 576, FACE_CENTRE_PX)

    assert crop.y < EYE_LINE_PX < MOUTH_LINE_PX < crop.bottom
    assert (crop.x, crop.width) == (0, 512)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_crop_lies_within_its_source(source_width: int, source_height: int, width: int, height: int) -> None:
    """Whatever the shapes, the crop is inside, and it spans one whole side."""
    crop = covering_crop(source_width, source_height, width, height)

    assert crop.x >= 0 and crop.y >= 0 and crop.right <= source_width and crop.bottom <= source_height
    assert crop.width == source_width or crop.height == source_height


def test_a_crop_near_an_edge_stays_inside() -> None:
    """A centre in the corner moves the crop only as far as the edge."""
    assert covering_crop(100, 100, 10, 5, centre=(99.0, 99.0)) == Rect(0, 50, 100, 50)


def test_a_colour_fills_the_frame() -> None:
    """#rrggbb gives red, green and blue in this order."""
    picture = solid_picture("#0180fF", 4, 2)

    assert picture.shape == (2, 4, 3)
    assert (picture == np.array([1, 128, 255], np.uint8)).all()


@pytest.mark.parametrize("color", ["", "red", "#12345", "#1234567", "123456", "#12345g"])
def test_other_forms_of_colours_are_refused(color: str) -> None:
    """Only six hexadecimal digits after # are a colour."""
    with pytest.raises(ValueError, match="colour"):
        solid_picture(color)
