"""Canonical framing of photos."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.fakes.portraits import astronaut_landmarks, astronaut_photo, framed_astronaut
from visage.identity.avatar import frame_portrait
from visage.media.portrait import CENTRE_X_PX, EYE_LINE_PX, MOUTH_LINE_PX

pytestmark = pytest.mark.unit


def test_eyes_and_mouth_come_to_their_canonical_places() -> None:
    """Eyes and mouth of any photo land on the same lines within a few pixels."""
    points = framed_astronaut().landmarks[:, :2]

    assert points[[33, 133, 362, 263]].mean(0) == pytest.approx([CENTRE_X_PX, EYE_LINE_PX], abs=8)
    assert points[[61, 291, 13, 14]].mean(0) == pytest.approx([CENTRE_X_PX, MOUTH_LINE_PX], abs=12)


def test_size_and_place_of_the_photo_do_not_matter() -> None:
    """A photo at twice the size with a wide margin gives the same picture."""
    photo = np.repeat(np.repeat(astronaut_photo(), 2, 0), 2, 1)
    photo = np.pad(photo, ((300, 0), (200, 0), (0, 0)), mode="edge")
    framed = frame_portrait(photo, astronaut_landmarks() * 2 + np.array([200.0, 300.0, 0.0]))

    difference = np.abs(framed.image[300:800, 200:800].astype(int) - framed_astronaut().image[300:800, 200:800])

    assert difference.mean() < 6
    assert framed.landmarks == pytest.approx(framed_astronaut().landmarks, abs=1e-6)


@pytest.mark.parametrize("degrees", [-40, 25, 90, 180])
def test_a_tilted_head_comes_upright(degrees: float) -> None:
    """However the photo is turned, the head stands upright in the same picture, but for a tilt of up to 8 degrees."""
    matrix = cv2.getRotationMatrix2D((224, 120), degrees, 1.0)
    matrix[:, 2] += (400 - 224, 400 - 120)
    photo = np.asarray(cv2.warpAffine(astronaut_photo(), matrix, (800, 800), flags=cv2.INTER_CUBIC))
    points = astronaut_landmarks()
    points[:, :2] = (points[:, :2] - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    framed = frame_portrait(photo, points)
    eyes = framed.landmarks[263, :2] - framed.landmarks[33, :2]
    face = np.s_[350:700, 350:680]

    assert abs(np.degrees(np.arctan2(eyes[1], eyes[0]))) < 10
    assert framed.landmarks[10, 1] < framed.landmarks[152, 1]
    assert np.abs(framed.image[face].astype(int) - _upright_at(eyes)[face]).mean() < 12


def _upright_at(eyes: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """The untilted photo framed with the tilt that the eye line has."""
    framed = framed_astronaut()
    own = framed.landmarks[263, :2] - framed.landmarks[33, :2]
    turn = np.degrees(np.arctan2(own[1], own[0]) - np.arctan2(eyes[1], eyes[0]))
    centre = tuple((framed.landmarks[[33, 263, 61, 291], :2].mean(0) * 2).tolist())
    matrix = cv2.getRotationMatrix2D(centre, turn, 1.0)
    return np.asarray(cv2.warpAffine(framed.image, matrix, (1024, 1024)), np.uint8)


def test_a_large_photo_is_averaged() -> None:
    """A photo much finer than the frame is averaged, not sampled: fine stripes become grey."""
    photo = np.repeat(np.repeat(astronaut_photo(), 12, 0), 12, 1)
    photo[::2] = 255 - photo[::2]
    framed = frame_portrait(photo, astronaut_landmarks() * 12)

    assert np.abs(framed.image[framed.inside].astype(int) - 127).max() < 12


def test_a_tight_crop_is_continued_without_black() -> None:
    """Where the photo ends the frame shows a continuation of its colours, and says so."""
    top, left, side = 20, 130, 190
    photo = astronaut_photo()[top : top + side, left : left + side]
    framed = frame_portrait(photo, astronaut_landmarks() - np.array([left, top, 0.0]))
    missing = ~framed.inside

    assert 0.2 < framed.coverage() < 0.9
    assert np.median(framed.image[missing][:, 1]) > 60
    assert (framed.image[missing].max(-1) == 0).mean() < 0.1


def test_landmarks_must_be_a_face() -> None:
    """Landmarks of the wrong shape, with NaN, or all in one point are refused."""
    for landmarks in (np.zeros((468, 3)), np.full((478, 3), np.nan), np.zeros((478, 3))):
        with pytest.raises(ValueError, match="landmarks"):
            frame_portrait(astronaut_photo(), landmarks)


def test_pictures_must_be_rgb_bytes() -> None:
    """A grey or floating-point picture is refused."""
    with pytest.raises(ValueError, match="uint8 RGB"):
        frame_portrait(astronaut_photo()[..., 0], astronaut_landmarks())
