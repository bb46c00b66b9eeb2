"""What curves and poses do to the astronaut's face."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from models.renderer.rendering import OpenVinoRenderer, curve_vector, model_path
from tests.fakes.portraits import astronaut_avatar, framed_astronaut
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAME_PX, MOUTH
from visage.media.windows import Array

pytestmark = pytest.mark.models

NOSE_TIP, CHIN = 1, 152
INSIDE = ("upper_teeth", "lower_teeth", "tongue")


@cache
def renderer() -> OpenVinoRenderer:
    return OpenVinoRenderer(model_path().read_bytes())


def render(
    *weights: dict[str, float],
    pose: Array | None = None,
    background: Array | None = None,
    painted: tuple[str, ...] = (),
) -> Array:
    """Frames of the astronaut, one per mixture of curves; `painted` textures are bright green."""
    tensors = tensors_for(astronaut_avatar().tensors, FRAME_PX)
    if background is not None:
        tensors["background"] = background
    for name in painted:
        green = np.array([[0], [255], [0]])[..., None] * (tensors[name][3:] / 255)
        tensors[name] = np.concatenate([green.astype(np.uint8), tensors[name][3:]])
    return renderer().frames(tensors, np.stack([curve_vector(mixture) for mixture in weights]), pose)


def greenness(frame: Array) -> int:
    """Number of clearly green pixels."""
    channels = frame.astype(int)
    return int(((channels[..., 1] - channels[..., 0]) > 60).sum())


@cache
def rest() -> Array:
    return render({})[0]


def mouth_darkness(frame: Array) -> float:
    """Share of very dark pixels around the middle of the mouth."""
    x, y = framed_astronaut().landmarks[[13, 14], :2].mean(0).astype(int)
    return float((frame[y - 20 : y + 45, x - 22 : x + 22].max(-1) < 70).mean())


def shift(frame: Array, landmark: int, size: int, reach: int) -> tuple[int, int]:
    """How far the surroundings of a landmark moved from the frame at rest, pixels right and down."""
    x, y = framed_astronaut().landmarks[landmark, :2].astype(int)
    patch = rest()[y - size : y + size, x - size : x + size]
    area = frame[y - size - reach : y + size + reach, x - size - reach : x + size + reach]
    _, _, _, best = cv2.minMaxLoc(cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED))
    return best[0] - reach, best[1] - reach


def test_at_rest_the_photo_is_unchanged_but_for_the_closed_mouth() -> None:
    """Zero curves and pose show the photo itself; only its open smile is closed."""
    difference = np.abs(rest().astype(int) - astronaut_avatar().preview).max(-1)
    face = difference.copy()
    face[MOUTH.slices()] = 0

    assert np.abs(rest().astype(int) - astronaut_avatar().preview).mean() < 1.0
    assert (face > 8).mean() < 0.01


def test_the_jaw_opens_a_dark_mouth_and_takes_the_chin_down() -> None:
    """JawOpen shows the inside of the mouth and moves the chin down with it."""
    (opened,) = render({"JawOpen": 0.7})

    assert mouth_darkness(opened) > mouth_darkness(rest()) + 0.2
    assert shift(opened, CHIN, 20, 40)[1] > 12


def test_lips_close_against_an_open_jaw() -> None:
    """With MouthClose as strong as JawOpen, or lips pressed, nothing of the inside shows."""
    mixtures: tuple[dict[str, float], ...] = (
        {"JawOpen": 0.5, "MouthClose": 0.5}, {"JawOpen": 1.0, "MouthClose": 1.0}, {"MouthPress": 0.6},
    )  # fmt: skip
    (opened,) = render({"JawOpen": 0.5}, painted=INSIDE)

    assert greenness(opened) > 400
    for frame in render(*mixtures, painted=INSIDE):
        assert greenness(frame) < 12


def test_teeth_show_between_open_lips() -> None:
    """An open mouth shows the teeth of the atlas."""
    (frame,) = render({"JawOpen": 0.3, "MouthUpperUp": 0.4}, painted=("upper_teeth",))

    assert greenness(frame) > 200


def test_a_blink_covers_the_iris() -> None:
    """With both lids shut nothing of the eyeballs shows."""
    opened, shut = render({}, {"EyeBlink": 1.0}, painted=("eye_texture",))

    assert greenness(opened) > 150
    assert greenness(shut) < 6


def test_gaze_moves_the_iris() -> None:
    """Looking to the subject's left moves the dark iris to the image's right."""
    left, right = render({"EyeLookOutLeft": 0.8, "EyeLookInRight": 0.8}, {"EyeLookInLeft": 0.8, "EyeLookOutRight": 0.8})
    positions = []
    for frame in (left, right):
        x, y = framed_astronaut().landmarks[473, :2].astype(int)
        patch = 255.0 - frame[y - 6 : y + 7, x - 16 : x + 17].mean(-1)
        weight = np.clip(patch - np.percentile(patch, 60), 0, None).sum(0)
        positions.append(float((weight * np.arange(33)).sum() / weight.sum()))

    assert positions[0] > positions[1] + 3


def test_positive_angles_turn_the_face_as_documented() -> None:
    """Yaw > 0 goes to image right, pitch > 0 up, roll > 0 clockwise."""
    pose = np.array([[10, 0, 0, 0, 0, 0], [0, 10, 0, 0, 0, 0], [0, 0, 10, 0, 0, 0]], np.float32)
    frames = render({}, {}, {}, pose=pose)
    shifts = [shift(frame, NOSE_TIP, 24, 46) for frame in frames]

    assert shifts[0][0] > 6
    assert shifts[1][1] < -6
    assert shifts[2][0] > 6


def test_a_turned_head_has_no_holes() -> None:
    """Over a green background no green shows inside the face at the limits of yaw, pitch and roll, nor between them."""
    green = np.zeros((512, 512, 3), np.uint8)
    green[..., 1] = 200
    turns = [
        (20, 0, 0), (-20, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 20), (0, 0, -20),
        (20, 8, 10), (-20, -8, 10), (12, 15, -20), (-12, -15, 20), (20, 15, 20), (-20, -15, -20),
    ]  # fmt: skip
    pose = np.zeros((len(turns), 6), np.float32)
    pose[:, :3] = turns
    mixtures = ({}, {"JawOpen": 0.4}, {"EyeWide": 1.0}) * 4
    frames = render(*mixtures, pose=pose, background=green)

    for frame in frames:
        shows = ((frame[..., 1].astype(int) - frame[..., 0]) > 60).astype(np.uint8)
        count, labels, sizes, _ = cv2.connectedComponentsWithStats(shows, connectivity=8)
        outside = {*labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]}

        assert sum(sizes[part, cv2.CC_STAT_AREA] for part in range(1, count) if part not in outside) < 20


def test_the_background_stays_still() -> None:
    """A moving head changes nothing in the far corners."""
    pose = np.array([[12, 6, 8, 3, 2, 0]], np.float32)
    (frame,) = render({"JawOpen": 0.5}, pose=pose)

    assert np.array_equal(frame[:90, :60], rest()[:90, :60])
    assert np.array_equal(frame[:90, -60:], rest()[:90, -60:])
    assert np.array_equal(frame[480:], rest()[480:])


def test_a_new_background_leaves_no_fringe_of_the_old_one() -> None:
    """On black, the rim of the hair is not lighter than the hair and the head together allow."""
    black = np.zeros((512, 512, 3), np.uint8)
    (frame,) = render({}, background=black)
    coverage = render({}, background=np.full((512, 512, 3), 255, np.uint8))[0].astype(int) - frame
    alpha = 1 - coverage[:190].mean(-1) / 255
    rim = (alpha > 0.15) & (alpha < 0.85)
    colour = frame[:190][rim] / alpha[rim][:, None]
    old_wall = np.median(astronaut_avatar().preview[:100, :40].reshape(-1, 3), 0)

    assert rim.sum() > 300
    assert np.median(colour.mean(-1)) < 0.75 * old_wall.mean()
