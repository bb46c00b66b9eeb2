"""The steps that take a photo apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.portraits import astronaut_matte, framed_astronaut
from visage.identity.avatar.background import complete_background
from visage.identity.avatar.inpainting import harmonic_fill, push_pull, resize
from visage.identity.avatar.lip_seam import cheapest_path
from visage.identity.avatar.matte import refine_matte
from visage.identity.avatar.neutral import measure_smile
from visage.media.canonical_face import canonical_vertices, fit_face, fit_similarity

pytestmark = pytest.mark.unit


def test_a_known_similarity_is_found() -> None:
    """Scale, rotation and offset that moved the canonical face are recovered."""
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    mesh = canonical_vertices()

    fit = fit_similarity(mesh, 2.5 * mesh @ turn.T + np.array([10.0, -4.0, 7.0]))

    assert fit.scale == pytest.approx(2.5)
    assert fit.rotation == pytest.approx(turn, abs=1e-9)
    assert fit.offset == pytest.approx([10, -4, 7], abs=1e-6)


def test_holes_are_filled_from_their_surroundings() -> None:
    """A hole in a constant picture gets that constant, and known pixels stay."""
    picture = np.full((32, 48, 3), 0.4, np.float32)
    weight = np.ones((32, 48), np.float32)
    weight[10:20, 10:30] = 0
    picture[weight == 0] = 9

    assert push_pull(picture, weight) == pytest.approx(np.full((32, 48, 3), 0.4), abs=1e-4)


def test_harmonic_fill_is_linear_between_two_walls() -> None:
    """Between a wall at 0 and a wall at 1 the solution rises evenly."""
    values = np.zeros((8, 11))
    values[:, -1] = 1
    known = np.zeros((8, 11), bool)
    known[:, [0, -1]] = True

    assert harmonic_fill(values, known) == pytest.approx(np.tile(np.linspace(0, 1, 11), (8, 1)), abs=1e-9)


def test_the_cheapest_path_follows_a_valley() -> None:
    """A valley that moves one row per column is followed."""
    cost = np.ones((6, 9))
    cost[np.arange(6), np.arange(6) + 2] = 0

    assert cheapest_path(cost, step_cost=0.1).tolist() == [2, 3, 4, 5, 6, 7]


def test_the_matte_holds_the_face_and_frees_the_background() -> None:
    """Alpha is 1 on the face, 0 in the far background."""
    framed = framed_astronaut()
    half = resize(framed.image / np.float32(255), 512, 512)
    alpha = refine_matte(half, astronaut_matte(), framed.landmarks)
    nose_x, nose_y = framed.landmarks[1, :2].astype(int)

    assert alpha[nose_y, nose_x] == 1
    assert alpha[:40, :40].max() < 0.02
    assert alpha[:40, -40:].max() < 0.02


def test_the_completed_background_has_no_face() -> None:
    """Behind the face the background has the colour of the wall, away from it the photo is unchanged."""
    framed = framed_astronaut()
    half = resize(framed.image / np.float32(255), 512, 512)
    completed = complete_background(half, refine_matte(half, astronaut_matte(), framed.landmarks))
    background = resize(completed, 512, 512)
    wall = np.median(half[:120, :60].reshape(-1, 3), 0)

    assert completed.shape == (768, 768, 3)
    assert np.abs(background[180:260, 220:300].mean((0, 1)) - wall).max() < 0.12
    assert np.abs(background[:100, :40] - half[:100, :40]).max() < 0.01


def test_the_smile_of_a_photo_is_measured() -> None:
    """The astronaut smiles; the canonical face does not."""
    framed = framed_astronaut()

    assert min(measure_smile(framed.landmarks)) > 0.4
    assert max(measure_smile(fit_face(framed.landmarks).place(canonical_vertices()))) < 0.05
