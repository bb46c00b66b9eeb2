"""The detectors find the faces of a picture and no others."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from models.face_landmarks.pipeline import FaceModels

pytestmark = pytest.mark.models

DETECTORS = ("face_detector", "face_detector_short")
# The face of the NASA portrait, from the brows to the chin, measured by hand: left, top, right, bottom.
FACE = (176, 75, 272, 178)


@pytest.fixture(scope="module")
def face_models() -> FaceModels:
    return FaceModels()


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = float(np.prod(sides.clip(0)))
    return shared / (float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])) - shared)


@pytest.mark.parametrize("detector", DETECTORS)
def test_portrait_has_one_face(face_models: FaceModels, detector: str) -> None:
    """Exactly one face is found in a portrait, where the face is."""
    faces = face_models.detect(data.astronaut(), detector)

    assert len(faces) == 1
    assert overlap(faces[0].box, np.array(FACE)) > 0.6
    assert faces[0].score > 0.8


@pytest.mark.parametrize("detector", DETECTORS)
def test_keypoints_are_in_their_order(face_models: FaceModels, detector: str) -> None:
    """Eye at the image's left, eye at its right, nose, mouth, then the ears."""
    left_eye, right_eye, nose, mouth, left_ear, right_ear = face_models.detect(data.astronaut(), detector)[0].keypoints

    assert left_ear[0] < left_eye[0] < nose[0] < right_eye[0] < right_ear[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < mouth[1]


@pytest.mark.parametrize("detector", DETECTORS)
def test_mirrored_picture_gives_a_mirrored_box(face_models: FaceModels, detector: str) -> None:
    """Left and right are treated alike, to within a tenth of the box."""
    box = face_models.detect(data.astronaut(), detector)[0].box
    mirrored = face_models.detect(data.astronaut()[:, ::-1], detector)[0].box
    expected = np.array([512 - box[2], box[1], 512 - box[0], box[3]])

    assert np.abs(mirrored - expected).max() < 0.1 * (box[2] - box[0])


def test_two_people_are_two_faces(face_models: FaceModels) -> None:
    """Faces that do not overlap are not blended."""
    portrait = data.astronaut()[:300, 80:380]
    faces = face_models.detect(np.hstack([portrait, portrait[:, ::-1]]))

    assert len(faces) == 2
    assert overlap(faces[0].box, faces[1].box) == 0
    assert faces[0].score >= faces[1].score


def test_bordered_picture_keeps_its_face(face_models: FaceModels) -> None:
    """The box is in pixels of the picture, whatever its shape."""
    wide = np.zeros((512, 1024, 3), np.uint8)
    wide[:, 300:812] = data.astronaut()
    (face,) = face_models.detect(wide)

    assert overlap(face.box, np.add(FACE, [300, 0, 300, 0])) > 0.6


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("picture", ["black", "bricks", "coffee"])
def test_pictures_without_people_have_no_face(face_models: FaceModels, detector: str, picture: str) -> None:
    """Nothing is found where there is nobody."""
    pictures = {
        "black": np.zeros((200, 300, 3), np.uint8),
        "bricks": np.repeat(data.brick()[..., None], 3, axis=2),
        "coffee": data.coffee(),
    }

    assert face_models.detect(pictures[picture], detector) == []


def test_noise_has_no_face(face_models: FaceModels) -> None:
    """The detector that is asked first does not see faces in noise."""
    pictures = np.random.default_rng(7).integers(0, 256, (8, 192, 192, 3), dtype=np.uint8)

    assert not face_models.run("face_detector", pictures)["scores"].any()


def test_absent_faces_are_zero(face_models: FaceModels) -> None:
    """Unused places of the output hold zeros, not leftovers."""
    found = face_models.run("face_detector", np.zeros((1, 192, 192, 3), np.uint8))

    assert all(not values.any() for values in found.values())
