"""Timed phones to face curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.articulation import DIPHTHONGS, DOMINANCE, EXPANSION, LOWER_FACE_INDEX, TARGET, lip_opening
from visage.media.coarticulation import REACH_S, articulate, articulate_lower_face
from visage.media.phones import PHONE_CLASSES, TimedPhone

pytestmark = pytest.mark.unit

VIDEO_RATE_HZ = 25


def spoken(names: str, length_s: float = 0.12) -> list[TimedPhone]:
    """Phones of equal length, one after another from 0 s."""
    return [TimedPhone(name, i * length_s, (i + 1) * length_s) for i, name in enumerate(names.split())]


def at(phones: list[TimedPhone], time_s: float) -> np.ndarray:
    """[17] curves at one time."""
    return articulate_lower_face(phones, 1, 1000, start_frame=int(time_s * 1000))[0]


utterances = st.lists(st.tuples(st.sampled_from(PHONE_CLASSES), st.floats(0.02, 0.3)), min_size=1, max_size=12)


def timed(parts: list[tuple[str, float]]) -> list[TimedPhone]:
    """(phone, length) pairs laid end to end."""
    ends_s = np.cumsum([length_s for _, length_s in parts])
    return [
        TimedPhone(name, float(end_s - length_s), float(end_s))
        for (name, length_s), end_s in zip(parts, ends_s, strict=True)
    ]


def test_every_posture_has_a_pose_and_a_dominance() -> None:
    """The tables cover all phone classes, diphthongs by their two halves."""
    halves = {half for pair in DIPHTHONGS.values() for half in pair}

    assert TARGET.keys() == DOMINANCE.keys()
    assert set(PHONE_CLASSES) - DIPHTHONGS.keys() | halves == TARGET.keys()


def test_twins_get_the_same_value() -> None:
    """Each of the 17 curves feeds its ARKit curve, or both of a left and right pair."""
    fed = EXPANSION.sum(axis=1)

    assert set(fed.tolist()) == {1.0, 2.0}
    assert EXPANSION[LOWER_FACE_INDEX["MouthSmile"], CURVE_INDEX["MouthSmileRight"]] == 1
    assert EXPANSION[:, CURVE_INDEX["EyeBlinkLeft"]].sum() == 0


@pytest.mark.parametrize("phone", ["p", "b", "m"])
@pytest.mark.parametrize("vowel", ["aa", "ae", "iy", "ow"])
@pytest.mark.parametrize("frame_rate_hz", [25, 30, 50, 60])
def test_bilabials_close_the_lips(phone: str, vowel: str, frame_rate_hz: int) -> None:
    """Between open vowels some frame of a p, b or m has no gap left, at any frame rate."""
    phones = spoken(f"sil {vowel} {phone} {vowel} sil", 0.09)
    curves = articulate_lower_face(phones, int(0.45 * frame_rate_hz), frame_rate_hz)
    opening = lip_opening(curves)
    middle = slice(int(0.17 * frame_rate_hz), int(0.28 * frame_rate_hz) + 1)

    assert opening[middle].min() < 0.03
    assert opening.max() > 0.08


def test_the_closure_cancels_the_jaw() -> None:
    """While the lips are pressed together MouthClose equals what the jaw has opened."""
    curves = at(spoken("sil aa m aa sil"), 0.295)

    assert curves[LOWER_FACE_INDEX["JawOpen"]] > 0.2
    assert curves[LOWER_FACE_INDEX["MouthClose"]] == pytest.approx(curves[LOWER_FACE_INDEX["JawOpen"]], rel=0.05)
    assert curves[LOWER_FACE_INDEX["MouthPress"]] > 0.15


def test_labiodentals_bring_the_lower_lip_to_the_teeth() -> None:
    """An f rolls the lower lip in and raises the upper one without closing the mouth."""
    curves = at(spoken("sil aa f aa sil"), 0.3)

    assert curves[LOWER_FACE_INDEX["MouthRollLower"]] > 0.3
    assert curves[LOWER_FACE_INDEX["MouthUpperUp"]] > 0.1
    assert curves[LOWER_FACE_INDEX["MouthClose"]] < 0.05


def test_open_vowels_open_wider_than_close_ones() -> None:
    """The jaw orders vowels as phonetics does."""
    jaw = [at(spoken(f"sil t {vowel} t sil", 0.15), 0.375)[0] for vowel in ("aa", "eh", "ih", "iy")]

    assert jaw == sorted(jaw, reverse=True)
    assert jaw[0] > 0.4


def test_rounding_is_anticipated() -> None:
    """The lips round during the consonant before an "oo" more than before an "ee"."""
    pucker = LOWER_FACE_INDEX["MouthPucker"]
    before_oo, before_ee = (at(spoken(f"sil t {vowel} sil"), 0.22)[pucker] for vowel in ("uw", "iy"))

    assert before_oo > before_ee + 0.15


def test_the_mouth_rests_in_silence() -> None:
    """Long before, long after and without any phones all curves are 0."""
    phones = spoken("aa ay uw")
    far = np.concatenate([articulate(phones, 5, 50, start_frame=-100), articulate(phones, 5, 50, start_frame=400)])

    assert np.abs(far).max() == 0
    assert np.abs(articulate([], 10, 50)).max() == 0


def test_a_word_ends_in_a_closed_mouth_without_a_labelled_pause() -> None:
    """What follows the last phone counts as silence."""
    opening = lip_opening(articulate_lower_face(spoken("aa aa"), 50, 50))

    assert opening[10] > 0.3
    assert opening[-10:].max() < 0.02


@given(utterances, st.integers(1, 9), st.sampled_from([24.0, 25.0, 29.97, 50.0, 60.0]))
def test_blocks_equal_the_whole(parts: list[tuple[str, float]], block: int, frame_rate_hz: float) -> None:
    """Frames do not depend on which frames are asked together with them."""
    phones = timed(parts)
    whole = articulate(phones, 45, frame_rate_hz)
    blocks = [articulate(phones, block, frame_rate_hz, start_frame=start) for start in range(0, 45, block)]

    np.testing.assert_allclose(np.concatenate(blocks)[:45], whole, atol=1e-6)


@given(utterances)
def test_frames_beyond_reach_of_the_unknown_are_final(parts: list[tuple[str, float]]) -> None:
    """Phones that become known later change no frame that lies REACH_S before them."""
    phones = timed(parts)
    known_s = phones[-1].end_s
    later = [TimedPhone("aa", known_s, known_s + 0.2), TimedPhone("b", known_s + 0.2, known_s + 0.3)]
    final = int((known_s - REACH_S) * VIDEO_RATE_HZ)
    frame_count = max(0, final)

    np.testing.assert_allclose(
        articulate(phones, frame_count, VIDEO_RATE_HZ),
        articulate([*phones, *later], frame_count, VIDEO_RATE_HZ),
        atol=1e-4,
    )


@given(utterances)
def test_curves_are_finite_and_in_range(parts: list[tuple[str, float]]) -> None:
    """Whatever the order and lengths of phones, coefficients stay within 0..1."""
    curves = articulate(timed(parts), 60, VIDEO_RATE_HZ)

    assert curves.shape == (60, len(CURVE_NAMES))
    assert curves.dtype == np.float32
    assert np.isfinite(curves).all()
    assert curves.min() >= 0
    assert curves.max() <= 1


def test_effort_scales_the_opening_and_keeps_closures() -> None:
    """A shout opens wider yet a b still closes."""
    phones = spoken("sil aa b aa sil")
    calm, loud = (articulate_lower_face(phones, 30, 50, effort=effort) for effort in (1.0, 1.3))

    assert loud[:, 0].max() == pytest.approx(1.3 * calm[:, 0].max(), rel=0.01)
    assert lip_opening(loud)[13:17].min() < 0.03


def test_a_frame_rate_of_nothing_is_refused() -> None:
    """Frames need a positive rate."""
    with pytest.raises(ValueError, match="frame_rate_hz"):
        articulate([], 1, 0)
