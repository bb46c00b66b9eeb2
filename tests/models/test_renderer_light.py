"""What a key light does to the astronaut's face."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from models.renderer.rendering import OpenVinoRenderer, model_path
from tests.fakes.portraits import astronaut_avatar, framed_astronaut
from visage.media.avatars import tensors_for
from visage.media.portrait import PHOTO_LIGHT
from visage.media.windows import Array

pytestmark = pytest.mark.models

SIZE = 256
LEFT_CHEEK, RIGHT_CHEEK, FOREHEAD, CHIN, UNDER_NOSE = 425, 205, 151, 152, 164
WHITE = (1.0, 1.0, 1.0)


@cache
def renderer() -> OpenVinoRenderer:
    return OpenVinoRenderer(model_path(SIZE).read_bytes())


def lit(*lights: tuple[float, ...], pose: tuple[float, ...] = (0.0,) * 6) -> Array:
    """The face at rest, one frame per light, as float."""
    count = len(lights)
    tensors = tensors_for(astronaut_avatar().tensors, SIZE)
    poses, light = np.tile(np.float32(pose), (count, 1)), np.array(lights, np.float32)
    return renderer().frames(tensors, np.zeros((count, 52)), poses, light).astype(np.float64)


def skin(frame: Array, landmark: int) -> Array:
    """Mean colour around a landmark, [3]."""
    x, y = (framed_astronaut().landmarks[landmark, :2] * SIZE / 512).astype(int)
    return frame[y - 4 : y + 5, x - 4 : x + 5].mean((0, 1))


def test_without_intensity_the_photo_s_own_light_stays() -> None:
    """At intensity 0 neither direction nor colour changes a single value."""
    own, side, red = lit(PHOTO_LIGHT, (1, 0, 0, 0, *WHITE), (-1, 0.5, 0, 0, 1, 0, 0))

    assert np.array_equal(side, own)
    assert np.array_equal(red, own)


def test_a_light_from_the_side_models_the_face() -> None:
    """The cheek towards the light is far brighter than the other; a light from the other side does the opposite."""
    from_right, from_left = lit((1, -0.2, -0.5, 1, *WHITE), (-1, -0.2, -0.5, 1, *WHITE))

    assert skin(from_right, LEFT_CHEEK).mean() > 1.5 * skin(from_right, RIGHT_CHEEK).mean()
    assert skin(from_left, RIGHT_CHEEK).mean() > 1.5 * skin(from_left, LEFT_CHEEK).mean()


def test_a_frontal_light_is_as_bright_as_the_photo() -> None:
    """A white light from the viewer keeps the brightness of the face within a quarter."""
    own, frontal = lit(PHOTO_LIGHT, (0, 0, -1, 1, *WHITE))

    for landmark in (LEFT_CHEEK, RIGHT_CHEEK, FOREHEAD):
        assert skin(frontal, landmark).mean() == pytest.approx(skin(own, landmark).mean(), rel=0.25)


def test_the_nose_throws_a_shadow() -> None:
    """Lit from high above, the lip below the nose is darker against the forehead than it is lit from the front."""
    above, frontal = lit((0, -1, -0.6, 1, *WHITE), (0, 0, -1, 1, *WHITE))
    share = [skin(frame, UNDER_NOSE).mean() / skin(frame, FOREHEAD).mean() for frame in (above, frontal)]

    assert share[0] < 0.75 * share[1]


def test_the_light_s_colour_reaches_the_skin_that_it_lights() -> None:
    """A red light reddens the lit cheek more than the one in the shade."""
    own, red = lit(PHOTO_LIGHT, (1, -0.2, -0.6, 1, 1.0, 0.1, 0.1))
    redness = [skin(red, cheek)[0] / skin(red, cheek)[2] for cheek in (LEFT_CHEEK, RIGHT_CHEEK)]

    assert redness[0] > 1.3 * redness[1]
    assert redness[0] > 2 * skin(own, LEFT_CHEEK)[0] / skin(own, LEFT_CHEEK)[2]


def test_intensity_blends() -> None:
    """Half the intensity lies between the photo's light and the key light."""
    own, half, full = lit(PHOTO_LIGHT, (1, 0, -0.4, 0.5, *WHITE), (1, 0, -0.4, 1, *WHITE))
    between = (own + full) / 2
    bright = np.maximum(own, full).max(-1) >= 254

    assert np.abs(half - between)[~bright].max() <= 2


def test_the_light_stays_where_it_is_when_the_head_turns() -> None:
    """The forehead of a face that turns to the light gets more of it than that of one that turns away."""
    x, y = (framed_astronaut().landmarks[FOREHEAD, :2] * SIZE / 512).astype(int)
    rest = lit(PHOTO_LIGHT)[0].astype(np.float32)
    patch, reach = rest[y - 12 : y + 12, x - 12 : x + 12], 30
    shares = []
    for yaw in (-18.0, 18.0):
        own, key = lit(PHOTO_LIGHT, (1, 0, -0.4, 1, *WHITE), pose=(yaw, 0, 0, 0, 0, 0))
        area = np.s_[y - 12 - reach : y + 12 + reach, x - 12 - reach : x + 12 + reach]
        _, _, _, (left, top) = cv2.minMaxLoc(
            cv2.matchTemplate(own[area].astype(np.float32), patch, cv2.TM_CCOEFF_NORMED)
        )
        found = np.s_[top : top + 24, left : left + 24]
        shares.append(key[area][found].mean() / own[area][found].mean())

    assert shares[1] > 1.2 * shares[0]


def test_the_background_is_not_lit() -> None:
    """Far from the portrait nothing changes."""
    own, dark = lit(PHOTO_LIGHT, (0, 0, -1, 1, 0, 0, 0))

    assert np.array_equal(own[:20, :20], dark[:20, :20])
    assert skin(dark, FOREHEAD).mean() < 0.5 * skin(own, FOREHEAD).mean()
