"""Descriptors of one person are close, of different people far apart."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest
from skimage import data, io, transform

from models.face_embedder.alignment import similarity
from models.face_landmarks.pipeline import FaceModels

pytestmark = pytest.mark.models

SAME_PERSON = 0.5


@pytest.fixture(scope="module")
def face_models() -> FaceModels:
    return FaceModels()


def distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second))


def frames(video: Path, *numbers: int) -> list[np.ndarray]:
    with av.open(str(video)) as container:
        return [
            frame.to_ndarray(format="rgb24")
            for number, frame in enumerate(container.decode(video=0))
            if number in numbers
        ]


@pytest.mark.parametrize("change", ["mirrored", "darker", "smaller", "grey", "turned"])
def test_changed_picture_is_the_same_person(face_models: FaceModels, change: str) -> None:
    """What changes the picture but not the person moves the descriptor little."""
    portrait = data.astronaut()
    changed = {
        "mirrored": portrait[:, ::-1],
        "darker": (portrait * 0.6).astype(np.uint8),
        "smaller": transform.resize(portrait, (320, 320), anti_aliasing=True, preserve_range=True),
        "grey": np.repeat(portrait.mean(axis=2, keepdims=True), 3, axis=2),
        "turned": transform.rotate(portrait, 15, center=(225, 120), mode="edge", preserve_range=True),
    }[change]
    picture = np.rint(changed).astype(np.uint8)

    assert distance(face_models.descriptor(portrait), face_models.descriptor(picture)) < SAME_PERSON - 0.1


def test_different_people_are_far_apart(face_models: FaceModels, shared_fixtures: Path) -> None:
    """No two of the portraits, nor the NASA portrait, are taken for one person."""
    pictures = [io.imread(photo) for photo in sorted((shared_fixtures / "photos").glob("*.jpg"))]
    descriptors = [face_models.descriptor(picture) for picture in [data.astronaut(), *pictures]]

    assert min(distance(*pair) for pair in combinations(descriptors, 2)) > SAME_PERSON


def test_frames_of_a_clip_show_one_person(face_models: FaceModels, shared_fixtures: Path) -> None:
    """Two frames of a clip are closer than any two frames of different clips."""
    clips = [frames(video, 5, 60) for video in sorted((shared_fixtures / "videos").glob("*.mp4"))]
    described = [[face_models.descriptor(frame) for frame in clip] for clip in clips]
    within = [distance(first, second) for first, second in described]
    across = [distance(first, second) for one, other in combinations(described, 2) for first in one for second in other]

    assert max(within) < SAME_PERSON < min(across)


def test_similarity_recovers_a_transform() -> None:
    """A turn, a scale and a shift are found again from five points."""
    random = np.random.default_rng(3)
    matrix = np.array([[0.8 * 1.7, -0.6 * 1.7, 12.0], [0.6 * 1.7, 0.8 * 1.7, -5.0]])
    source = random.normal(size=(5, 2))
    found = similarity(source, source @ matrix[:, :2].T + matrix[:, 2])

    assert np.allclose(found, matrix)
