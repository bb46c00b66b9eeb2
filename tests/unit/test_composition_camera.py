"""Cameras and lamps: what a picture shows of the frame, where the frame lies in it, and what is out of range."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.composition.camera import LOWEST_SHOULDER_PX, Outline, View, render_size, view_of
from visage.composition.placement import place
from visage.composition.scene_limits import light_rows, limit_scene
from visage.composition.values import Camera, Framing, KeyLight, RawDelivery, Scene, Video
from visage.media.frames import FACE_CENTRE_PX, PixelLayout
from visage.media.portrait import FRAME_PX, RENDER_SIZES, Rect
from visage.runtime.errors import InvalidField

pytestmark = pytest.mark.unit

SIDES = st.integers(32, 512).map(lambda half: 2 * half)
CAMERAS = st.builds(
    Camera,
    st.sampled_from(Framing),
    st.just((0.0, 0.0, 0.0)),
    st.floats(1, 4),
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)
OUTLINES = st.builds(Outline, st.integers(0, FRAME_PX), st.booleans())


def holds(view: View, rect: Rect, tolerance_px: float = 1e-6) -> bool:
    """Whether a view shows all of a rectangle."""
    return (
        view.x <= rect.x + tolerance_px
        and view.y <= rect.y + tolerance_px
        and view.x + view.width >= rect.right - tolerance_px
        and view.y + view.height >= rect.bottom - tolerance_px
    )


@given(CAMERAS, SIDES, SIDES, st.booleans(), OUTLINES)
def test_a_view_has_the_picture_s_shape(
    camera: Camera, width: int, height: int, is_free: bool, outline: Outline
) -> None:
    """Whatever is asked for, nothing is stretched."""
    view, _ = view_of(camera, width, height, is_free, outline)

    assert view.width / view.height == pytest.approx(width / height, rel=1e-6)


@given(CAMERAS, SIDES, SIDES)
def test_the_photo_s_own_background_is_never_left(camera: Camera, width: int, height: int) -> None:
    """With nothing beyond the frame to show, the view stays inside."""
    view, _ = view_of(camera, width, height, is_free=False)

    assert view.x >= -1e-9 and view.y >= -1e-9
    assert view.x + view.width <= FRAME_PX + 1e-6 and view.y + view.height <= FRAME_PX + 1e-6


@given(CAMERAS, SIDES, SIDES, OUTLINES)
def test_nothing_below_the_shoulders_is_shown(camera: Camera, width: int, height: int, outline: Outline) -> None:
    """A bust never floats above the picture's edge."""
    view, _ = view_of(camera, width, height, True, outline)

    assert view.y + view.height <= FRAME_PX + 1e-6


@given(st.sampled_from(Framing), SIDES, SIDES, OUTLINES)
def test_a_free_view_holds_its_framing(framing: Framing, width: int, height: int, outline: Outline) -> None:
    """At any shape the head is whole; only what is below the row where shoulders are cut may be missing."""
    view, _ = view_of(Camera(framing), width, height, True, outline)
    held = framing.value
    if view.width >= FRAME_PX - 1e-6:
        held = held._replace(height=min(held.bottom, max(outline.shoulder_px, LOWEST_SHOULDER_PX)) - held.y)
    if outline.is_crown_cut and width < height:
        held = Rect(Framing.FACE.value.x, held.y, Framing.FACE.value.width, held.height)

    assert holds(view, held)


@given(CAMERAS, SIDES, SIDES, st.booleans())
def test_zoom_makes_larger_by_its_factor(camera: Camera, width: int, height: int, is_free: bool) -> None:
    """Twice the zoom shows half the width, and the middle of the face keeps its place in the picture."""
    still = replace(camera, pan=(0.0, 0.0))
    near, _ = view_of(still, width, height, is_free)
    far, _ = view_of(replace(still, zoom=1.0), width, height, is_free)
    places = [(FACE_CENTRE_PX[0] - view.x) / view.width for view in (near, far)]

    assert near.width * camera.zoom == pytest.approx(far.width)
    assert places[0] == pytest.approx(places[1], abs=1e-6)


@given(CAMERAS, SIDES, SIDES)
def test_a_pan_moves_the_view_or_says_that_it_stopped(camera: Camera, width: int, height: int) -> None:
    """Either the view moved by as many widths as it was told to, or the axis is named."""
    view, stopped = view_of(camera, width, height, is_free=False)
    still, _ = view_of(replace(camera, pan=(0.0, 0.0)), width, height, is_free=False)
    moved = (view.x - still.x) / view.width, (view.y - still.y) / view.height
    for axis, name in enumerate(("pan_x", "pan_y")):
        is_moved = abs(moved[axis] - camera.pan[axis]) * max(view.width, view.height) <= 0.51

        assert is_moved or name in stopped


def test_the_default_is_the_whole_frame() -> None:
    """A square bust of the photo shows all that is rendered, at its own size."""
    view, stopped = view_of(Camera(), 512, 512, is_free=False)

    assert view == (0, 0, 512, 512) and not stopped
    assert place(view, 512, 512, 512)[:2] == (Rect(0, 0, 512, 512), Rect(0, 0, 512, 512))


def test_wide_pictures_of_the_photo_s_own_background_show_the_face() -> None:
    """At 16:9 the frame's whole width and, about the face, the height that goes with it."""
    view, _ = view_of(Camera(), 1024, 576, is_free=False)

    assert view == pytest.approx((0, 128, 512, 288))


def test_a_cut_crown_stays_at_the_picture_s_edge() -> None:
    """Hair that reaches the frame's top is not shown to end there, unless the picture is too narrow for the face."""
    views = [view_of(Camera(), 360, 640, True, Outline(is_crown_cut=is_cut))[0] for is_cut in (False, True)]
    narrow, _ = view_of(Camera(), 128, 512, True, Outline(is_crown_cut=True))

    assert views[0].y < 0 and views[1] == pytest.approx((112, 0, 288, 512))
    assert narrow.width == Framing.FACE.value.width and narrow.y < 0


@pytest.mark.parametrize("framing", list(Framing))
def test_what_fits_the_frame_stays_inside(framing: Framing) -> None:
    """A free view reaches beyond the frame only for what it cannot show otherwise."""
    square, _ = view_of(Camera(framing), 512, 512, is_free=True)
    tall, _ = view_of(Camera(framing), 360, 640, is_free=True)

    assert square.is_within_frame
    assert tall.height <= FRAME_PX or tall.y + tall.height == pytest.approx(FRAME_PX)


def test_framings_come_nearer() -> None:
    """Bust, head, face: each shows less than the one before, and the face is always there."""
    widths = []
    for framing in (Framing.BUST, Framing.HEAD, Framing.FACE):
        view, _ = view_of(Camera(framing), 512, 512, is_free=False)
        widths.append(view.width)

        assert view.x < FACE_CENTRE_PX[0] < view.x + view.width and view.y < FACE_CENTRE_PX[1] < view.y + view.height
    assert widths == [512, 428, 304]


@given(CAMERAS, SIDES, SIDES, st.booleans())
def test_the_smallest_size_that_is_sharp_is_rendered(camera: Camera, width: int, height: int, is_free: bool) -> None:
    """No size enlarges unless it is the largest, and no smaller one would do."""
    view, _ = view_of(camera, width, height, is_free)
    size = render_size(view, width)
    rendered_px = size * view.width / FRAME_PX

    assert rendered_px >= width - 1 or size == RENDER_SIZES[-1]
    assert all(smaller * view.width / FRAME_PX < width for smaller in RENDER_SIZES if smaller < size)


@pytest.mark.parametrize(
    ("camera", "width", "size"),
    [
        (Camera(), 256, 256),
        (Camera(), 258, 512),
        (Camera(), 512, 512),
        (Camera(zoom=2.0), 256, 512),
        (Camera(zoom=1.4), 512, 768),
        (Camera(Framing.HEAD), 512, 768),
        (Camera(), 768, 768),
        (Camera(), 1024, 768),
    ],
)
def test_native_sizes_follow_output_and_zoom(camera: Camera, width: int, size: int) -> None:
    """256, 512 and 768 of square pictures."""
    view, _ = view_of(camera, width, width, is_free=False)

    assert render_size(view, width) == size


@given(CAMERAS, SIDES, SIDES, st.booleans(), OUTLINES)
def test_places_are_even_and_inside(camera: Camera, width: int, height: int, is_free: bool, outline: Outline) -> None:
    """Source and target keep chroma whole, lie inside and have one scale to within two pixels of rounding."""
    view, _ = view_of(camera, width, height, is_free, outline)
    size = render_size(view, width)
    source, target, fade = place(view, size, width, height)

    assert not any(value % 2 for value in (*source, *target, *fade))
    assert source.x >= 0 and source.y >= 0 and source.right <= size and source.bottom <= size
    assert target.x >= 0 and target.y >= 0 and target.right <= width and target.bottom <= height
    assert source.width >= 2 and target.width >= 2 and fade[0] <= target.width and fade[1] <= target.height
    scale = width / view.width * FRAME_PX / size
    assert abs(source.width * scale - target.width) <= 2 * scale + 2
    if view.is_within_frame:
        assert (target.width, target.height) == (width, height)


def test_what_is_out_of_range_is_clamped_and_named() -> None:
    """Orbit, zoom, pan and lamp; what is in range is not named."""
    camera = Camera(orbit=(25.0, -90.0, 5.0), zoom=9.0, pan=(0.7, -0.2))
    scene, fields = limit_scene(Scene("identities/a", camera=camera, light=KeyLight(120.0, 10.0, 1.5)))

    assert scene.camera == Camera(orbit=(20.0, -15.0, 5.0), zoom=4.0, pan=(0.5, -0.2))
    assert scene.light == KeyLight(90.0, 10.0, 1.0)
    assert fields == (
        "scene.camera.orbit.yaw_degrees",
        "scene.camera.orbit.pitch_degrees",
        "scene.camera.zoom",
        "scene.camera.pan_x",
        "scene.light.azimuth_degrees",
        "scene.light.intensity",
    )


def test_a_scene_in_range_stays_as_it_is() -> None:
    """Nothing is named."""
    scene = Scene("identities/a", camera=Camera(orbit=(20.0, -15.0, 20.0), zoom=1.0), light=KeyLight(-90.0, 90.0, 0.0))

    assert limit_scene(scene) == (scene, ())


def test_transparent_frames_have_no_background() -> None:
    """One that is given all the same is refused."""
    video = Video(delivery=RawDelivery(PixelLayout.RGBA32))

    with pytest.raises(InvalidField, match=r"scene\.background"):
        limit_scene(Scene("identities/a", video, "#102030"))


def test_without_a_lamp_the_photo_s_light_stays() -> None:
    """Intensity 0 in each of the eight frames."""
    rows = light_rows(None)

    assert rows.shape == (8, 7) and rows.dtype == np.float32 and not rows[:, 3].any()


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [
        (0, 0, (0, 0, -1)),
        (90, 0, (1, 0, 0)),
        (-90, 0, (-1, 0, 0)),
        (0, 90, (0, -1, 0)),
        (0, -30, (0, 0.5, -math.sqrt(0.75))),
    ],
)
def test_a_lamp_points_where_it_stands(azimuth: float, elevation: float, direction: tuple[float, ...]) -> None:
    """x to the right, y down, z away from the viewer."""
    row = light_rows(KeyLight(azimuth, elevation, 0.8, "#ff8000"))[0]

    assert row[:3] == pytest.approx(direction, abs=1e-6)
    assert row[3:] == pytest.approx((0.8, 1, 128 / 255, 0))


@given(st.floats(-90, 90), st.floats(-90, 90))
def test_a_lamp_s_direction_has_length_one(azimuth: float, elevation: float) -> None:
    """Wherever it stands, in front of the face."""
    row = light_rows(KeyLight(azimuth, elevation))[0]

    assert np.linalg.norm(row[:3]) == pytest.approx(1, abs=1e-5) and row[2] <= 1e-6
