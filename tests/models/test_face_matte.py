"""The matte separates the person from the background."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from models.face_landmarks.pipeline import FaceModels

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def alpha() -> np.ndarray:
    """Of the NASA portrait, at half its size."""
    return FaceModels().matte(data.astronaut())


def test_values_are_shares(alpha: np.ndarray) -> None:
    """Alpha is between 0 and 1 and the portrait fills about half of the picture."""

    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert 0.35 < alpha.mean() < 0.75


def test_head_and_body_are_kept(alpha: np.ndarray) -> None:
    """Face, hair and suit are the person."""

    assert alpha[48:85, 96:128].min() > 0.9
    assert np.median(alpha[150:240, 60:140]) > 0.9


def test_background_is_dropped(alpha: np.ndarray) -> None:
    """The wall to the right of the head is not."""

    assert alpha[:100, 190:].max() < 0.1


def test_edge_is_narrow(alpha: np.ndarray) -> None:
    """Less than a fifth of the pixels are undecided."""

    assert ((alpha > 0.1) & (alpha < 0.9)).mean() < 0.2
