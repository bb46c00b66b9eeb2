"""Rendered frames in pictures: untouched where they fit, before a canvas where they do not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from visage.composition.camera import view_of
from visage.composition.framer import Framer, frame_background
from visage.composition.pictures import Scaler, packed_array, packed_bytes, planes_of, video_frame
from visage.composition.placement import place
from visage.composition.shots import outline_of, plan_shot
from visage.composition.values import Camera, Framing, Pixels, RawDelivery, Scene, Video
from visage.media.frames import Picture, PixelLayout, solid_picture
from visage.media.portrait import AVATAR_TENSORS, FRAME_PX, TEXTURE_SCALE

pytestmark = pytest.mark.unit

WIDE = (640, 360)
GREEN = "#20c040"


def yuv_of(picture: Picture) -> NDArray[np.uint8]:
    """A picture as the renderer's I420."""
    rows, columns = picture.shape[:2]
    return packed_array(Scaler(columns, rows, PixelLayout.I420).scale(video_frame(picture)))


def framer(
    camera: Camera, size: tuple[int, int], layout: PixelLayout, behind: Picture | None = None, is_free: bool = False
) -> Framer:
    """One for frames rendered at 512."""
    view, _ = view_of(camera, *size, is_free)
    return Framer(place(view, 512, *size), *size, layout, behind)


@pytest.mark.parametrize("layout", [PixelLayout.RGB24, PixelLayout.RGBA32, PixelLayout.I420])
def test_a_frame_of_the_wanted_size_is_untouched(layout: PixelLayout) -> None:
    """Nothing is lost, and nothing copied, where nothing is to be done."""
    shape = {PixelLayout.RGB24: (512, 512, 3), PixelLayout.RGBA32: (512, 512, 4)}.get(layout, (768, 512))
    frame = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    drawn = framer(Camera(), (512, 512), layout).draw(frame)

    assert packed_bytes(drawn) == frame.tobytes()
    assert np.shares_memory(np.frombuffer(memoryview(drawn.planes[0]), np.uint8), frame)


def test_yuv_and_rgb_show_the_same(astronaut: NDArray[np.uint8]) -> None:
    """A crop of the renderer's YUV is the YUV of the crop of its RGB, within rounding."""
    camera = Camera(Framing.HEAD, zoom=1.3)
    one = packed_array(framer(camera, (320, 400), PixelLayout.I420).draw(yuv_of(astronaut)))
    other = packed_array(framer(camera, (320, 400), PixelLayout.I420).draw(astronaut))

    assert np.abs(one.astype(int) - other).mean() < 1.5


def test_nv12_is_made_of_yuv(astronaut: NDArray[np.uint8]) -> None:
    """The planes are those of I420, interleaved."""
    rendered = yuv_of(astronaut)
    flat = np.frombuffer(packed_bytes(framer(Camera(), (512, 512), PixelLayout.NV12).draw(rendered)), np.uint8)
    count = 512 * 512

    assert (flat[:count] == rendered.reshape(-1)[:count]).all()
    assert (flat[count:].reshape(-1, 2).T.reshape(-1) == rendered.reshape(-1)[count:]).all()


@pytest.mark.parametrize("layout", [PixelLayout.RGB24, PixelLayout.I420, PixelLayout.NV12])
def test_a_frame_that_was_rendered_before_the_canvas_leaves_no_trace(layout: PixelLayout) -> None:
    """Where the avatar is not, a wide picture is its background, without a seam."""
    ramp = np.linspace(0, 255, WIDE[0]).astype(np.uint8)
    behind = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (WIDE[1], WIDE[0], 3)))
    view, _ = view_of(Camera(), *WIDE, is_free=True)
    placement = place(view, 512, *WIDE)
    background = frame_background(behind, placement, 512)
    drawn = Framer(placement, *WIDE, layout, behind).draw(
        background if layout is PixelLayout.RGB24 else yuv_of(background)
    )
    luma = packed_array(drawn)[: WIDE[1]].reshape(WIDE[1], WIDE[0], -1)[..., 0]
    wanted = behind if layout is PixelLayout.RGB24 else yuv_of(behind)[: WIDE[1], :, None]

    assert np.abs(luma.astype(int) - wanted[..., 0]).max() <= 2


@pytest.mark.parametrize("layout", [PixelLayout.RGB24, PixelLayout.I420])
def test_shoulders_fade_out_at_the_frame_s_sides(layout: PixelLayout) -> None:
    """A white frame before black grows steadily from nothing at the side to itself, and is whole in the middle."""
    white = np.full((512, 512, 3), 255, np.uint8)
    behind = np.zeros((WIDE[1], WIDE[0], 3), np.uint8)
    drawn = framer(Camera(), WIDE, layout, behind, is_free=True).draw(
        white if layout is PixelLayout.RGB24 else yuv_of(white)
    )
    row = planes_of(packed_array(drawn))[0][WIDE[1] // 2].reshape(WIDE[0], -1)[:, 0].astype(int)
    start = int(np.flatnonzero(row > row[0])[0])

    assert row[0] == row[-1] == (0 if layout is PixelLayout.RGB24 else 16)
    assert row[320] == (255 if layout is PixelLayout.RGB24 else 235)
    assert all(b - a < 24 for a, b in pairwise(row[start - 1 : 320])) and (np.diff(row[:320]) >= 0).all()


def test_transparent_frames_fade_to_nothing() -> None:
    """Colour and alpha are both scaled, so the picture stays premultiplied."""
    opaque = np.full((512, 512, 4), 200, np.uint8)
    opaque[..., 3] = 255
    drawn = packed_array(framer(Camera(), WIDE, PixelLayout.RGBA32, is_free=True).draw(opaque)).astype(int)

    assert not drawn[:, 0].any() and drawn[180, 320].tolist() == [200, 200, 200, 255]
    assert np.abs(drawn[..., 0] - drawn[..., 3] * 200 / 255).max() <= 1


def avatar(shoulder_px: int | None = None) -> dict[str, NDArray[np.uint8]]:
    """Tensors of nobody, whose shoulders reach the left side of the frame from a row of the canonical frame on."""
    tensors = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in AVATAR_TENSORS}
    if shoulder_px is not None:
        tensors["head_texture"][3, shoulder_px * TEXTURE_SCALE :, 0] = 255
        tensors["foot"][3, max(0, shoulder_px - 480) * tensors["foot"].shape[1] // 32 :, 0] = 255
    return tensors


@pytest.mark.parametrize(("given", "found"), [(None, 512), (300, 300), (440, 440), (496, 496)])
def test_shoulders_are_found(given: int | None, found: int) -> None:
    """In the head's texture or in the foot; 512 where the avatar keeps clear of the sides."""
    assert outline_of(avatar(given)) == (found, False)


def test_a_cut_crown_is_found() -> None:
    """Hair in a fifth of the frame's top row."""
    tensors = avatar()
    tensors["head_texture"][3, 0, 400:600] = 255

    assert outline_of(tensors).is_crown_cut


def scene(width: int, height: int, layout: PixelLayout | None = None, background: str | None = None) -> Scene:
    delivery = {} if layout is None else {"delivery": RawDelivery(layout)}
    return Scene("identities/a", Video(width, height, None, **delivery), background)


def test_a_film_of_native_size_takes_the_renderer_s_yuv() -> None:
    """The default: 512, planar YUV, the avatar's own background, no light of its own."""
    shot = plan_shot(scene(512, 512), avatar(), None)

    assert (shot.look.size, shot.look.pixels, shot.look.background) == (512, Pixels.YUV, None) and not shot.clamped


@pytest.mark.parametrize(
    ("layout", "pixels"),
    [
        (PixelLayout.RGB24, Pixels.RGB),
        (PixelLayout.RGBA32, Pixels.RGBA),
        (PixelLayout.NV12, Pixels.YUV),
        (PixelLayout.I420, Pixels.YUV),
    ],
)
def test_rgb_is_rendered_only_where_it_is_wanted(layout: PixelLayout, pixels: Pixels) -> None:
    """Each layout and what it is made of."""
    assert plan_shot(scene(256, 256, layout), avatar(), None).look.pixels is pixels


def test_transparent_frames_are_rendered_before_black() -> None:
    """So that they come out premultiplied."""
    background = plan_shot(scene(256, 256, PixelLayout.RGBA32), avatar(), None).look.background

    assert background is not None and background.shape == (256, 256, 3) and not background.any()


def test_a_background_reaches_the_renderer_and_the_canvas() -> None:
    """A colour stands behind the head and beside the frame of a wide picture."""
    shot = plan_shot(scene(*WIDE, PixelLayout.RGB24, GREEN), avatar(), None)
    assert shot.look.background is not None
    picture = packed_array(shot.framer.draw(shot.look.background))

    assert (picture == solid_picture(GREEN, *WIDE)).all()


def test_a_wide_picture_ends_where_shoulders_would_be_cut() -> None:
    """With shoulders that reach the frame's sides at row 490, the frame is scaled so that 490 rows fill the picture."""
    image = np.zeros((36, 64, 3), np.uint8)
    narrow = plan_shot(scene(*WIDE), avatar(490), image).framer
    white = np.full((512 * 3 // 2, 512), 235, np.uint8)
    luma = planes_of(packed_array(narrow.draw(white)))[0]
    columns = np.flatnonzero(luma[-1] > 17)

    assert columns[-1] - columns[0] == pytest.approx(FRAME_PX * WIDE[1] / 490, abs=8)
