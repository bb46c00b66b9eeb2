"""The served lip-sync model: same numbers however it is asked, and a mouth that does what is heard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import openvino
import pytest
from numpy.typing import NDArray

from models.conversion.manifest import REPOSITORY
from models.lip_sync.windows import (
    ANSWERED_FRAMES,
    CONTEXT_LEFT,
    HOP,
    WINDOW_SAMPLES,
    answer,
    cut,
)
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.phones import PHONE_COUNT, PHONE_INDEX

pytestmark = pytest.mark.models

MODEL = REPOSITORY / "lip_sync" / "1" / "model.onnx"
SAMPLE_RATE_HZ = 16000
JAW_OPEN = CURVE_INDEX["JawOpen"]

Run = Callable[[NDArray[np.int16]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@pytest.fixture(scope="module")
def run() -> Run:
    """The model in ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
    return lambda pcm: tuple(session.run(["curves", "phonemes"], {"pcm": pcm}))


def vowel(formants_hz: tuple[float, float, float], seconds: float, pitch_hz: float = 120) -> NDArray[np.int16]:
    """A sung vowel: a pulse train through three resonances (Klatt, 1980), [samples at 16 kHz]."""
    count = int(seconds * SAMPLE_RATE_HZ)
    phase = (
        np.cumsum(pitch_hz * (1 + 0.01 * np.sin(np.arange(count) * 2 * np.pi * 5 / SAMPLE_RATE_HZ))) / SAMPLE_RATE_HZ
    )
    sound = np.diff(np.floor(phase), prepend=0.0)
    for centre_hz, width_hz in zip(formants_hz, (80, 90, 150), strict=True):
        radius = np.exp(-np.pi * width_hz / SAMPLE_RATE_HZ)
        turn = 2 * radius * np.cos(2 * np.pi * centre_hz / SAMPLE_RATE_HZ)
        gain = 1 - turn + radius**2
        shaped = np.zeros(count + 2)
        for index in range(count):
            shaped[index + 2] = gain * sound[index] + turn * shaped[index + 1] - radius**2 * shaped[index]
        sound = shaped[2:]
    edge = np.clip(np.minimum(np.arange(count), np.arange(count)[::-1]) / 800, 0, 1)
    return (sound * edge / np.abs(sound).max() * 12000).astype(np.int16)


def speechlike(seconds: float) -> NDArray[np.int16]:
    """Vowels and noises in turn: sound in which every frame differs."""
    random = np.random.default_rng(7)
    parts = [
        vowel((700, 1220, 2600), 0.15),
        (random.standard_normal(1600) * 900).astype(np.int16),
        vowel((310, 2200, 2960), 0.12, 150),
        np.zeros(1120, np.int16),
    ]
    return np.resize(np.concatenate(parts), int(seconds * SAMPLE_RATE_HZ))


def test_answers_ten_frames_of_both_kinds(run: Run) -> None:
    """One window gives 10 frames of 52 coefficients in 0..1 and of 43 posteriors that sum to 1."""
    curves, phonemes = run(speechlike(WINDOW_SAMPLES / SAMPLE_RATE_HZ)[None])

    assert curves.shape == (1, ANSWERED_FRAMES, CURVE_COUNT)
    assert phonemes.shape == (1, ANSWERED_FRAMES, PHONE_COUNT)
    assert curves.min() >= 0
    assert curves.max() <= 1
    np.testing.assert_allclose(phonemes.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("step_frames", [1, 3, 7])
def test_streaming_equals_offline(run: Run, step_frames: int) -> None:
    """A frame comes out the same whichever window answers it."""
    pcm = speechlike(1.2)
    offline, _ = answer(run, pcm)
    windows = cut(pcm, step_frames)
    streamed = np.concatenate([run(windows[index : index + 1])[0][0, :step_frames] for index in range(len(windows))])

    np.testing.assert_allclose(streamed[: len(offline)], offline, atol=1e-5)


def test_the_future_beyond_the_look_ahead_does_not_matter(run: Run) -> None:
    """After the end of the last answered frame the model looks at 97.5 ms and at no sample more."""
    window = speechlike(WINDOW_SAMPLES / SAMPLE_RATE_HZ)[None]
    needed = (CONTEXT_LEFT + ANSWERED_FRAMES) * HOP + round(0.0975 * SAMPLE_RATE_HZ)
    later, sooner = window.copy(), window.copy()
    later[:, needed:] = 5000
    sooner[:, needed - 2 * HOP :] = 5000

    np.testing.assert_allclose(run(later)[0], run(window)[0], atol=1e-6)
    assert np.abs(run(sooner)[0] - run(window)[0]).max() > 1e-4


def test_rows_of_a_batch_do_not_mix(run: Run) -> None:
    """A window answers the same alone and among others."""
    windows = cut(speechlike(2.0))
    together, _ = run(windows)
    alone = np.concatenate([run(window[None])[0] for window in windows])

    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("level", [0, 1, 10])
def test_silence_rests_with_the_mouth_closed(run: Run, level: int) -> None:
    """Digital silence and the hiss of a converter leave the mouth shut and are heard as silence."""
    hiss = np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ) * level
    curves, phonemes = answer(run, hiss.astype(np.int16))

    assert curves[:, JAW_OPEN].max() < 0.06
    assert phonemes[:, PHONE_INDEX["sil"]].mean() > 0.7


def test_a_vowel_opens_the_mouth_and_its_end_closes_it(run: Run) -> None:
    """A synthetic "ah" amid silence opens the jaw while it sounds."""
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.int16)
    curves, _ = answer(run, np.concatenate([pause, vowel((730, 1090, 2440), 0.4), pause]))
    jaw = curves[:, JAW_OPEN]

    assert jaw[28:42].mean() > 0.3
    assert jaw[:15].max() < 0.06
    assert jaw[-15:].max() < 0.06


def test_vowels_differ_in_opening_and_rounding(run: Run) -> None:
    """An "ah" opens wider than an "ee", an "oo" rounds more than an "ee"."""
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.int16)
    shapes = {}
    for name, formants_hz in {"ah": (730, 1090, 2440), "ee": (270, 2290, 3010), "oo": (300, 870, 2240)}.items():
        curves, _ = answer(run, np.concatenate([pause, vowel(formants_hz, 0.4), pause]))
        shapes[name] = curves[28:42].mean(axis=0)

    assert shapes["ah"][JAW_OPEN] > shapes["ee"][JAW_OPEN] + 0.1
    assert shapes["oo"][CURVE_INDEX["MouthPucker"]] > shapes["ee"][CURVE_INDEX["MouthPucker"]] + 0.1


def test_loudness_changes_little(run: Run) -> None:
    """The same words 20 dB quieter move the mouth alike."""
    pcm = speechlike(1.5)
    loud, quiet = (answer(run, (pcm * gain).astype(np.int16))[0][:, JAW_OPEN] for gain in (1.0, 0.1))

    assert np.corrcoef(loud, quiet)[0, 1] > 0.9


def test_left_and_right_move_alike_and_the_eyes_not_at_all(run: Run) -> None:
    """Speech moves the lower face, both sides alike."""
    curves, _ = answer(run, speechlike(1.0))

    np.testing.assert_array_equal(
        curves[:, CURVE_INDEX["MouthStretchLeft"]], curves[:, CURVE_INDEX["MouthStretchRight"]]
    )
    assert curves[:, CURVE_INDEX["EyeBlinkLeft"]].max() == 0
    assert curves[:, CURVE_INDEX["BrowInnerUp"]].max() == 0


def test_runtimes_agree(run: Run) -> None:
    """ONNX Runtime and OpenVINO give the same numbers."""
    windows = cut(speechlike(1.6))
    compiled = openvino.Core().compile_model(MODEL, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    other = compiled({"pcm": windows})

    for name, expected in zip(("curves", "phonemes"), run(windows), strict=True):
        np.testing.assert_allclose(other[name], expected, atol=1e-4)
