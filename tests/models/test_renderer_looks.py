"""How natural the astronaut's mouth and eyes look: closed lips, a graded inside, eyes that stay in the head."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.conversion.manifest import REPOSITORY
from models.renderer.rendering import OpenVinoRenderer, curve_vector
from tests.fakes.onnx_face_models import OnnxFaceModels
from tests.fakes.portraits import astronaut_avatar, framed_astronaut
from visage.identity.avatar import build_framed_avatar, frame_portrait
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array
from visage.runtime.faces import find_faces

pytestmark = pytest.mark.models

INSIDE = ("upper_teeth", "lower_teeth", "tongue")
MAGENTA = np.broadcast_to(np.uint8([255, 0, 255]), (512, 512, 3)).copy()
LEFT_CORNER, RIGHT_CORNER = 291, 61
M = {"MouthPress": 0.35, "MouthRollLower": 0.28, "MouthRollUpper": 0.22}


@cache
def renderer() -> OpenVinoRenderer:
    return OpenVinoRenderer((REPOSITORY / "renderer" / "1" / "model.onnx").read_bytes())


def render(tensors: dict[str, Array], *weights: dict[str, float], pose: Array | None = None) -> Array:
    return renderer().frames(tensors, np.stack([curve_vector(mixture) for mixture in weights]), pose)


def astronaut() -> dict[str, Array]:
    return tensors_for(astronaut_avatar().tensors, FRAME_PX)


def painted_green(tensors: dict[str, Array], *names: str) -> dict[str, Array]:
    """The tensors with bright green instead of these textures' colours."""
    green = {}
    for name in names:
        alpha = tensors[name][3:]
        green[name] = np.concatenate([0 * alpha, alpha, 0 * alpha, alpha])
    return tensors | green


def is_green(frames: Array) -> Array:
    channels = frames.astype(int)
    return np.asarray((channels[..., 1] - np.maximum(channels[..., 0], channels[..., 2])) > 60)


def corner_drop(frame: Array, landmark: int) -> int:
    """How far a lip corner moved down from the frame at rest, pixels."""
    x, y = framed_astronaut().landmarks[landmark, :2].astype(int)
    patch = render(astronaut(), {})[0][y - 10 : y + 11, x - 10 : x + 11]
    area = frame[y - 26 : y + 27, x - 26 : x + 27]
    _, _, _, best = cv2.minMaxLoc(cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED))
    return best[1] - 16


def test_a_smiling_photo_closes_its_lips_relaxed() -> None:
    """In M nothing of the inside shows and both corners have come down from the photo's smile."""
    (closed,) = render(astronaut(), M)
    (green,) = render(painted_green(astronaut(), *INSIDE), M)

    assert is_green(green).sum() < 12
    assert corner_drop(closed, LEFT_CORNER) >= 2
    assert corner_drop(closed, RIGHT_CORNER) >= 2


def test_a_smile_that_is_asked_for_stays() -> None:
    """Against M alone, M with a smile keeps the corners up."""
    serious, smiling = render(astronaut(), M, M | {"MouthSmile": 0.6})

    assert corner_drop(smiling, LEFT_CORNER) < corner_drop(serious, LEFT_CORNER)
    assert corner_drop(smiling, RIGHT_CORNER) < corner_drop(serious, RIGHT_CORNER)


def test_the_inside_of_the_mouth_darkens_towards_the_throat() -> None:
    """Without teeth and tongue the cavity is darkest in the middle and never black."""
    bare = astronaut()
    for name in INSIDE:
        bare[name] = np.zeros_like(bare[name])
    (opened,) = render(bare, {"JawOpen": 0.8})
    magenta = painted_green(bare, "jaw_texture")
    x, y = framed_astronaut().landmarks[[13, 14], :2].mean(0).astype(int)
    covered = is_green(render(magenta, {"JawOpen": 0.8})[0])[:, x]
    lower_lip = int(np.argmax(covered[y:])) + y
    column = cv2.GaussianBlur(opened, (0, 0), 1.0)[lower_lip - 24 : lower_lip - 2, x].astype(float).mean(-1)
    steps = np.diff(column[::4])

    assert lower_lip > y + 20
    assert (steps >= -0.5).all()
    assert column[-1] > column[0] + 2
    assert column.min() > 5


def test_nearly_closed_lips_show_no_bright_stripe_of_teeth() -> None:
    """Teeth between lips that are hardly parted lie in the shadow; between open lips they do not."""
    shapes = {"JawOpen": 0.05, "MouthUpperUp": 0.1}, {"JawOpen": 0.3, "MouthUpperUp": 0.5}
    white = astronaut()
    white["upper_teeth"] = np.repeat(white["upper_teeth"][3:], 4, 0)
    teeth = is_green(render(painted_green(astronaut(), "upper_teeth"), *shapes))
    frames = render(white, *shapes).max(-1)
    brightness = [float(frame[shown].mean()) for frame, shown in zip(frames, teeth, strict=True) if shown.any()]

    assert teeth[1].sum() > 200
    assert len(brightness) == 1 or brightness[0] < 0.8 * brightness[1]


def test_a_tongue_put_out_hides_the_lower_teeth() -> None:
    """TongueOut brings the tongue before the lower teeth."""
    opened = {"JawOpen": 0.2, "MouthLowerDown": 0.5}
    teeth = is_green(render(painted_green(astronaut(), "lower_teeth"), opened, opened | {"TongueOut": 1.0}))

    assert teeth[0].sum() > 100
    assert teeth[1].sum() < 0.5 * teeth[0].sum()


def test_closed_lids_are_smooth() -> None:
    """Skin that a blink unfolds has no streaks: it is smoother than stretched skin and brow would be."""
    noisy = astronaut()
    grain = np.random.default_rng(0).integers(-40, 40, noisy["lid_texture"][:3].shape)
    alpha = noisy["lid_texture"][3:]
    noisy["lid_texture"] = np.concatenate(
        [np.clip(noisy["lid_texture"][:3] + grain * (alpha / 255), 0, alpha).astype(np.uint8), alpha]
    )
    opened, shut = render(noisy, {}, {"EyeBlink": 1.0})
    x, y = framed_astronaut().landmarks[[386, 374], :2].mean(0).astype(int)
    lid = np.s_[y - 5 : y, x - 8 : x + 9]
    above = np.s_[y - 14 : y - 9, x - 8 : x + 9]

    def roughness(patch: Array) -> float:
        values = patch.astype(float).mean(-1)
        return float((values - cv2.GaussianBlur(values, (0, 0), 2)).std())

    assert roughness(shut[lid]) < 0.5 * roughness(opened[above])


def test_eyes_of_a_turned_photo_stay_in_the_head(shared_fixtures: Path) -> None:
    """However far the photo's head is turned, no eyeball shows before the background."""
    image = np.asarray(cv2.imread(str(shared_fixtures / "photos" / "s10.jpg"))[..., ::-1], np.uint8)
    models = OnnxFaceModels()

    async def segmented() -> tuple[Array, Array]:
        (face, *_) = await find_faces(image, models, 30)
        return face.landmarks, await models.segment(frame_portrait(image, face.landmarks).matte_input(), 30)

    landmarks, matte = asyncio.run(segmented())
    stored = build_framed_avatar(frame_portrait(image, landmarks), matte).tensors
    tensors = tensors_for(stored, FRAME_PX) | {"background": MAGENTA}
    pose = np.array([[yaw, 0, 0, 0, 0, 0] for yaw in (-20, -12, 0, 12)], np.float32)
    green = is_green(render(painted_green(tensors, "eye_texture"), *[{}] * 4, pose=pose))
    no_eyes = tensors | {"eye_texture": np.zeros_like(tensors["eye_texture"])}
    for frame, eyes in zip(render(no_eyes, *[{}] * 4, pose=pose), green, strict=True):
        background = np.abs(frame.astype(int) - MAGENTA).max(-1) < 40
        _, labels = cv2.connectedComponents(background.astype(np.uint8), connectivity=4)
        outside = background & (labels == labels[5, 5])

        assert eyes.sum() > 60
        assert (eyes & outside).sum() < 6
