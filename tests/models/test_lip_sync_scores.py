"""The figures of the lip-sync evaluation tell good mouths from bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.lip_sync.scores import Spoken, best_lag, score
from models.lip_sync.windows import ANSWERED_FRAMES, HOP, WINDOW_SAMPLES, answer, cut
from visage.media.articulation import LOWER_FACE_INDEX
from visage.media.coarticulation import articulate_lower_face
from visage.media.phones import PHONE_COUNT, PHONE_INDEX, TimedPhone

pytestmark = pytest.mark.models

FRAME_COUNT = 70


@pytest.fixture
def sentence() -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """Curves [70, 17] and classes [70] of a made-up sentence at 50 Hz."""
    names = ["sil", "m", "aa", "p", "iy", "b", "ow", "sil", "sil", "ae", "m", "uw", "t", "aa"]
    phones = [TimedPhone(name, 0.1 * index, 0.1 * (index + 1)) for index, name in enumerate(names)]
    classes = np.repeat([PHONE_INDEX[name] for name in names], 5)
    return articulate_lower_face(phones, FRAME_COUNT, 50), classes


def test_the_reference_itself_scores_full(sentence: tuple[NDArray[np.float32], NDArray[np.integer]]) -> None:
    """A mouth that is the reference correlates fully and makes every closure."""
    curves, classes = sentence
    figures = score([Spoken(curves, curves, classes, np.eye(PHONE_COUNT, dtype=np.float32)[classes])])

    assert figures["jaw"] == pytest.approx(1)
    assert figures["rounding"] == pytest.approx(1)
    assert figures["bilabials"] == 4
    assert figures["closed"] == 1
    assert figures["phones"] == figures["visemes"] == 1


def test_a_mouth_that_never_closes_is_noticed(sentence: tuple[NDArray[np.float32], NDArray[np.integer]]) -> None:
    """Without closures the rate is 0 although the jaw follows perfectly."""
    curves, classes = sentence
    open_lips = curves.copy()
    open_lips[:, LOWER_FACE_INDEX["MouthClose"]] = 0
    open_lips[:, LOWER_FACE_INDEX["MouthLowerDown"]] += 0.5
    figures = score([Spoken(open_lips, curves, classes)])

    assert figures["jaw"] == pytest.approx(1)
    assert figures["closed"] == 0
    assert "phones" not in figures


def test_a_delayed_mouth_shows_its_lag(sentence: tuple[NDArray[np.float32], NDArray[np.integer]]) -> None:
    """A prediction that comes two frames late matches best when moved two frames forward."""
    curves, classes = sentence
    late = Spoken(np.roll(curves, 2, axis=0), curves, classes)

    assert best_lag([late]) == -2


@pytest.mark.parametrize("frame_count", [1, 9, 10, 11, 66, 133])
def test_windows_answer_every_frame_once(frame_count: int) -> None:
    """Windows of a recording of any length answer its frames in order, with the frame's own samples in place."""
    pcm = np.arange(frame_count * HOP, dtype=np.int64) // HOP
    windows = cut(pcm.astype(np.int16))

    def centre_samples(window: NDArray[np.int16]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        frames = window.reshape(len(window), -1, HOP)[:, 51 : 51 + ANSWERED_FRAMES, HOP // 2, None]
        return frames.astype(np.float32), frames.astype(np.float32)

    curves, _ = answer(centre_samples, pcm.astype(np.int16), batch_size=4)

    assert windows.shape[1] == WINDOW_SAMPLES
    assert curves[:, 0].tolist() == list(range(frame_count))
