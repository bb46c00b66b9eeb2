"""The landmark model follows the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data, io, transform

from models.face_landmarks.pipeline import FaceModels

pytestmark = pytest.mark.models

LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS = (33, 133), (362, 263)
LEFT_IRIS, RIGHT_IRIS = 468, 473
UPPER_LIP, LOWER_LIP, CHIN, FOREHEAD = 13, 14, 152, 10


@pytest.fixture(scope="module")
def face_models() -> FaceModels:
    return FaceModels()


def find(face_models: FaceModels, picture: np.ndarray) -> tuple[np.ndarray, float]:
    return face_models.landmarks(picture, face_models.detect(picture)[0].square)


def eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[LEFT_IRIS, :2] - points[RIGHT_IRIS, :2]))


def test_portrait_has_478_points_within_the_crop(face_models: FaceModels) -> None:
    """All points of a well-cut face lie inside the crop, and the model is sure."""
    picture = data.astronaut()
    face = face_models.detect(picture)[0]
    points, presence = face_models.landmarks(picture, face.square)
    low, high = face.box[:2], face.box[2:]
    reach = 0.5 * (high - low)

    assert points.shape == (478, 3)
    assert (points[:, :2] > low - reach).all() and (points[:, :2] < high + reach).all()
    assert presence > 0.9


def test_features_are_where_a_face_has_them(face_models: FaceModels) -> None:
    """Irises between the corners of their eyes, lips in order, nose tip nearest to the viewer."""
    points, _ = find(face_models, data.astronaut())

    for iris, (inner, outer) in ((LEFT_IRIS, LEFT_EYE_CORNERS), (RIGHT_IRIS, RIGHT_EYE_CORNERS)):
        assert points[inner, 0] < points[iris, 0] < points[outer, 0]
    assert points[FOREHEAD, 1] < points[UPPER_LIP, 1] < points[LOWER_LIP, 1] < points[CHIN, 1]
    assert points[[1, 4], 2].min() < points[[LEFT_IRIS, RIGHT_IRIS, CHIN], 2].min()


def test_eyes_of_the_portrait_are_found(face_models: FaceModels) -> None:
    """The irises are within 3 pixels of where a person points at them in the NASA portrait."""
    points, _ = find(face_models, data.astronaut())

    assert np.abs(points[LEFT_IRIS, :2] - [203.4, 101.5]).max() < 3
    assert np.abs(points[RIGHT_IRIS, :2] - [246.5, 103.5]).max() < 3


@pytest.mark.parametrize("degrees", [-25, 25])
def test_landmarks_turn_with_the_picture(face_models: FaceModels, degrees: float) -> None:
    """Turning the picture turns the landmarks, to within 6 % of the distance of the eyes."""
    picture = data.astronaut()
    turned = transform.rotate(picture, degrees, center=(225, 120), mode="edge", preserve_range=True)
    points, _ = find(face_models, picture)
    found, presence = find(face_models, np.rint(turned).astype(np.uint8))
    angle = np.radians(-degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = (points[:, :2] - [225, 120]) @ turn.T + [225, 120]
    error = np.sqrt(((found[:, :2] - expected) ** 2).sum(axis=1).mean())

    assert presence > 0.9
    assert error < 0.06 * eye_distance(points)


def test_presence_is_low_without_a_face(face_models: FaceModels) -> None:
    """Neither bricks nor noise, which the short-range detector may let through, are taken for a face."""
    bricks = np.repeat(data.brick()[:192, :192, None], 3, axis=2)
    noise = np.random.default_rng(7).integers(0, 256, (192, 192, 3), dtype=np.uint8)

    assert face_models.run("face_landmarks", np.stack([bricks, noise]))["presence"].max() < 0.5


def test_painted_and_old_portraits_are_found(face_models: FaceModels, shared_fixtures: Path) -> None:
    """Each of the portraits has one face with sure landmarks."""
    photos = sorted((shared_fixtures / "photos").glob("*.jpg"))
    found = {}
    for photo in photos:
        picture = io.imread(photo)
        faces = face_models.detect(picture)
        found[photo.name] = (len(faces), face_models.landmarks(picture, faces[0].square)[1] > 0.9)

    assert found == {photo.name: (1, True) for photo in photos}
