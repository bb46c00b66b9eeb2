"""A clip's quality: which frames are looked at, and what is made of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.drawn_faces import JAW, DrawnFaces
from visage.composition.quality import ClipSampler, asked_gap_mm, measure_quality
from visage.composition.values import ClipQuality, Frames
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.curves import resting_poses

pytestmark = pytest.mark.unit

CLOSE = CURVE_INDEX["MouthClose"]


class DrawingSession:
    """Draws the jaw as a grey; each frame adds `restless` levels, and the jaw opens by `weakness` less than asked."""

    def __init__(self, restless: int = 0, weakness: float = 1.0) -> None:
        self.restless = restless
        self.weakness = weakness
        self.items = 0

    async def render(self, curves: np.ndarray, poses: np.ndarray, deadline_s: float) -> Frames:
        self.items += 1
        opening = np.maximum(curves[:, JAW] - curves[:, CLOSE], 0) * self.weakness
        grey = np.rint(opening * 255).astype(np.uint8) + self.restless * np.arange(8, dtype=np.uint8)
        return np.repeat(grey, 8 * 8 * 3).reshape(8, 8, 8, 3)


def curves_of(jaw: list[float], close: list[float] | None = None) -> np.ndarray:
    curves = np.zeros((len(jaw), CURVE_COUNT), np.float32)
    curves[:, JAW] = jaw
    if close is not None:
        curves[:, CLOSE] = close
    return curves


def sampled(jaw: list[float], close: list[float] | None = None) -> ClipSampler:
    sampler = ClipSampler()
    sampler.see(curves_of(jaw, close), resting_poses(len(jaw)))
    return sampler


async def quality(
    sampler: ClipSampler, session: DrawingSession | None = None, faces: DrawnFaces | None = None
) -> ClipQuality | None:
    return await measure_quality(sampler, session or DrawingSession(), faces or DrawnFaces(), "identities/anna", 5.0)


TALK = [0.0, 0.2, 0.5, 0.1, 0.3, 0.3, 0.6, 0.05, 0.4, 0.2]
SHUT = [0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_the_widest_and_the_shut_mouths_are_looked_at() -> None:
    """Six frames are kept, among them the two widest and the one that shuts the lips against an open jaw."""
    curves, poses = sampled(TALK, SHUT).frames()
    jaws = curves[:, JAW].tolist()

    assert curves.shape == (6, CURVE_COUNT) and poses.shape == (6, 6)
    assert max(jaws) == pytest.approx(0.6) and sorted(jaws)[-2] == pytest.approx(0.5)
    assert curves[:, CLOSE].max() == pytest.approx(0.3)


def test_a_long_clip_keeps_no_more_than_a_short_one() -> None:
    """Half an hour of frames leaves six, spread over all of it."""
    sampler = ClipSampler()
    for start in range(0, 45_000, 8):
        rows = curves_of([(start + index) / 100_000 for index in range(8)])
        sampler.see(rows, resting_poses(8))
    curves, _ = sampler.frames()

    assert len(curves) == 6
    assert curves[:, JAW].min() < 0.1 and curves[:, JAW].max() > 0.44
    assert (np.diff(curves[:, JAW]) > 0).all()


def test_a_clip_of_one_frame_is_sampled_once() -> None:
    """There is no frame to look at twice."""
    curves, _ = sampled([0.2]).frames()

    assert len(curves) == 1


def test_curves_that_shut_the_lips_ask_for_no_gap() -> None:
    """JawOpen parts them, as much MouthClose brings them together, and they never pass through each other."""
    gaps = asked_gap_mm(np.concatenate([curves_of([0.5], [0.0]), curves_of([0.5], [0.5]), curves_of([0.0], [0.5])]))

    assert gaps[0] > 10
    assert gaps[1] < 0.3
    assert gaps[2] == 0


async def test_an_obedient_picture_scores_well() -> None:
    """What does all it is told has no error, full correlation, shut lips and the identity's own face."""
    session = DrawingSession()
    found = await quality(sampled(TALK, SHUT), session)

    assert found is not None and session.items == 1
    assert found.sampled_frames == 6
    assert found.lips_error_mm < 0.1
    assert found.lips_correlation == pytest.approx(1, abs=0.01)
    assert found.shut_lips_gap_mm is not None and abs(found.shut_lips_gap_mm) < 0.2
    assert found.mean_similarity == pytest.approx(1) and found.least_similarity == pytest.approx(1)
    assert found.pose_error_degrees < 1.0
    assert found.flicker_levels == 0


async def test_lips_that_do_not_follow_are_told() -> None:
    """A mouth that opens half as far shows the missing millimetres."""
    found = await quality(sampled(TALK), DrawingSession(weakness=0.5))

    assert found is not None
    assert found.lips_error_mm > 3
    assert found.jaw_correlation == pytest.approx(1, abs=0.02)


async def test_another_face_and_a_restless_picture_are_told() -> None:
    """An embedding far from the identity's, and equal curves that give unequal frames, are seen."""
    found = await quality(sampled([0.2, 0.4, 0.6]), DrawingSession(restless=3), DrawnFaces(strangeness=0.6))

    assert found is not None
    assert found.least_similarity == pytest.approx(np.cos(0.6), abs=1e-4)
    assert found.flicker_levels == 21


async def test_what_a_clip_does_not_show_is_not_judged() -> None:
    """Without movement of the jaw and without shut lips there is no such figure."""
    found = await quality(sampled([0.1] * 8))

    assert found is not None
    assert found.lips_correlation is None and found.jaw_correlation is None and found.shut_lips_gap_mm is None


async def test_a_frame_without_a_face_leaves_the_quality_unknown() -> None:
    """Nothing is made up where the identity service sees no face."""
    assert await quality(sampled(TALK), faces=DrawnFaces(sees=False)) is None
