"""What the layers of an avatar show, and what they must not show."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from tests.fakes.portraits import astronaut_avatar, astronaut_matte, framed_astronaut
from visage.identity.avatar.background import complete_background
from visage.identity.avatar.canonical_map import map_to_canonical
from visage.identity.avatar.eyeballs import EyeLayers, complete_eyes, eye_source_points
from visage.identity.avatar.eyelids import Eye, eye_maps, outline_eyes
from visage.identity.avatar.folds import smile_folds
from visage.identity.avatar.inpainting import resize
from visage.identity.avatar.jaw_layer import JawLayer, cut_jaw
from visage.identity.avatar.lighting import measure_tone
from visage.identity.avatar.lip_seam import LipSeam, find_lip_seam
from visage.identity.avatar.matte import refine_matte, silhouette_distance
from visage.media.canonical_face import SKIN_PATCHES, FaceFit, fit_face
from visage.media.portrait import EYE_MAP, EYE_SOURCE
from visage.media.windows import Array

pytestmark = pytest.mark.unit


def picture() -> Array:
    return np.asarray(framed_astronaut().image / np.float32(255))


def half() -> Array:
    return resize(picture(), 512, 512)


@cache
def matte() -> Array:
    return refine_matte(half(), astronaut_matte(), framed_astronaut().landmarks)


def fit() -> FaceFit:
    return fit_face(framed_astronaut().landmarks)


@cache
def eyes() -> tuple[EyeLayers, tuple[Eye, Eye]]:
    return complete_eyes(picture(), outline_eyes(framed_astronaut().landmarks, fit()), 0.8)


@cache
def seam() -> LipSeam:
    grey = np.asarray(cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY))
    return find_lip_seam(grey, framed_astronaut().landmarks, fit().scale)


@cache
def jaw() -> JawLayer:
    landmarks = framed_astronaut().landmarks
    lower = map_to_canonical(landmarks, fit(), seam()).lower
    return cut_jaw(picture(), half(), landmarks, matte(), seam(), lower, fit().scale)


def test_eyeball_behind_its_veil_is_the_photo() -> None:
    """In the opening the veil over the eyeball shows the photo, so that open eyes at rest are the photo's own."""
    layers, _ = eyes()
    shown = layers.veil[..., :3] + (1 - layers.veil[..., 3:]) * layers.colour
    photo = picture()[EYE_SOURCE.slices(scale=2)]
    open_eye = (layers.hole > 0.95) & (layers.lid < 0.02)
    difference = np.abs(shown - photo).max(-1)[open_eye]

    assert open_eye.sum() > 500
    assert np.median(difference) < 0.01
    assert np.percentile(difference, 90) < 0.05


def test_the_shadow_of_the_lids_stays_with_the_lids() -> None:
    """Beside the iris the eyeball is lighter than the photo: what darkens the photo there lies in the veil."""
    layers, both = eyes()
    photo = picture()[EYE_SOURCE.slices(scale=2)]
    points = eye_source_points()
    near = np.zeros(layers.hole.shape, bool)
    for eye in both:
        x, y = eye.local(points)
        iris = np.hypot(*np.moveaxis(points - eye.iris_centre, -1, 0)) < 1.4 * eye.iris_radius
        near |= (np.abs(x) < 0.8) & ~iris & (y > eye.at(eye.upper, x)) & (y < eye.at(eye.upper, x) + 4)
    near &= (layers.hole > 0.5) & (layers.lid < 0.02)

    assert near.sum() > 40
    assert layers.veil[near, 3].mean() > 0.05
    assert layers.colour[near].mean() > photo[near].mean() + 0.02


def test_no_eyeball_outside_of_the_silhouette() -> None:
    """An eye that touches the silhouette has no eyeball beyond it, and its gaze moves nothing there."""
    layers, (left, right) = eyes()
    cut = matte().copy()
    edge = int(left.centre[0])
    cut[:, edge:] = 0
    alpha = layers.eyeball_alpha(cut)
    beyond = (edge - EYE_SOURCE.x) * 2 + 2
    gaze = eye_maps((left, right), cut)[4]

    assert alpha[:, beyond:].max() == 0
    assert alpha[:, : beyond - 12].max() == 1
    assert gaze[:, (edge - EYE_MAP.x) // 2 + 1 :].max() < 1e-6
    assert layers.eyeball_alpha(matte())[:, beyond:].max() == 1


def test_distance_to_the_silhouette_ignores_the_frame() -> None:
    """The border of the photo is no silhouette."""
    alpha = np.ones((512, 512), np.float32)
    alpha[:, :100] = 0

    distance = silhouette_distance(alpha)

    assert distance[10, 50] == 0
    assert distance[0, 511] > 300


def test_parted_lips_are_cut_without_the_teeth_between_them() -> None:
    """Where the astronaut shows teeth, the lips' picture shows lips."""
    teeth = seam().frame(np.linspace(-0.5, 0.5, 21), (seam().upper + seam().lower)[20:61:2] / 2)
    x, y = np.round(teeth * 2 - 0.5).astype(int).T
    photo, lips = picture()[y, x], jaw().lips[y, x]
    redness = [float((pixels[:, 0] / pixels.sum(-1)).mean()) for pixels in (photo, lips)]

    assert not seam().closed
    assert redness[1] > redness[0] + 0.03
    assert np.array_equal(jaw().lips[:400], picture()[:400])


def test_closed_lips_overlap() -> None:
    """On the seam the jaw covers what the skull layer leaves open, out to the corners."""
    closed = replace(seam(), closed=True, lower=seam().upper)
    landmarks = framed_astronaut().landmarks
    lower = map_to_canonical(landmarks, fit(), closed).lower
    layer = cut_jaw(picture(), half(), landmarks, matte(), closed, lower, fit().scale)
    through = layer.mouth_hole * (1 - layer.jaw_alpha)

    assert layer.mouth_hole.max() > 0.95
    assert through.max() < 0.03


def test_the_jaw_carries_no_background() -> None:
    """The jaw's alpha ends with the portrait's."""
    texture = astronaut_avatar().tensors["jaw_texture"]
    background = resize(matte(), 1024, 1024)[592:864, 288:736] < 0.004

    assert background.any()
    assert texture[3][background].max() <= 2


def test_the_background_behind_the_head_has_the_texture_around_it() -> None:
    """Close behind the silhouette the completed background is about as rough as the photo's."""
    random = np.random.default_rng(5)
    wall = 0.5 + 0.06 * cv2.GaussianBlur(random.normal(size=(512, 512, 3)).astype(np.float32), (0, 0), 1.5) / 0.19
    alpha = np.zeros((512, 512), np.float32)
    cv2.circle(alpha, (256, 256), 120, (1.0,), -1)
    completed = complete_background(np.where(alpha[..., None] > 0, 0.1, wall).astype(np.float32), alpha)
    inside = np.hypot(*(np.mgrid[:512, :512] - 256)) < 112
    near = inside & (np.hypot(*(np.mgrid[:512, :512] - 256)) > 90)
    far = np.hypot(*(np.mgrid[:512, :512] - 256)) > 150
    rough = completed - cv2.GaussianBlur(completed, (0, 0), 4)

    assert rough[near].std() > 0.5 * rough[far].std()
    assert completed[near].mean() == pytest.approx(0.5, abs=0.05)


def test_teeth_are_neither_green_nor_blue_on_pale_skin() -> None:
    """On skin without colour the teeth stay white or warmer."""
    pale = np.full((512, 512, 3), (0.86, 0.85, 0.84), np.float32)
    grey_skin = measure_tone(pale, framed_astronaut().landmarks).teeth
    lit = half().copy()
    own = measure_tone(lit, framed_astronaut().landmarks).teeth

    for red, green, blue in (grey_skin, own):
        assert red >= green >= blue


def test_clipped_highlights_do_not_set_the_tone() -> None:
    """Skin that is half burnt out gives the same tint as the other half alone."""
    landmarks = framed_astronaut().landmarks
    warm = np.full((512, 512, 3), (0.80, 0.55, 0.35), np.float32)
    burnt = warm.copy()
    for outline in SKIN_PATCHES:
        middle = landmarks[list(outline), 0].mean()
        burnt[:, int(middle) : int(landmarks[list(outline), 0].max()) + 1] = (1.0, 0.98, 0.95)
    expected = measure_tone(warm, landmarks).teeth
    found = measure_tone(burnt, landmarks).teeth

    assert found / found.mean() == pytest.approx(expected / expected.mean(), abs=0.01)


def test_smile_folds_are_the_dark_lines_of_the_photo() -> None:
    """A dark line along the nasolabial fold is found on its side only; plain skin has none."""
    x, y = np.meshgrid(np.linspace(-60, 60, 49), np.linspace(0, 110, 45))
    skin = np.full(x.shape, 0.6)
    lined = np.where(np.hypot(x - 29, (y - 58) * 0.5) < 3, 0.4, skin)
    left, right = smile_folds(lined, x, y)

    assert left.min() < -0.1
    assert right.min() > -0.02
    assert max(abs(fold).max() for fold in smile_folds(skin, x, y)) < 1e-9
