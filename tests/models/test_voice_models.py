"""The speaker encoder tells voices apart; the voice-activity network finds speech and remembers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.conversion.manifest import REPOSITORY
from models.conversion.sessions import run_onnx
from models.conversion.sounds import sounds
from models.speaker_encoder.mel import WINDOW_SAMPLES, fourier_kernels, mel_filters
from models.voice_activity.evaluate import listen

pytestmark = pytest.mark.models


def content(name: str) -> bytes:
    return (REPOSITORY / name / "1" / "model.onnx").read_bytes()


def recording(folder: Path, name: str) -> np.ndarray:
    samples, rate_hz = soundfile.read(folder / "speech" / f"{name}.wav", dtype="int16")
    assert rate_hz == 16_000
    return samples


def voice_of(samples: np.ndarray) -> np.ndarray:
    """[256] of length 1."""
    starts = range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES // 2)
    windows = np.stack([samples[start : start + WINDOW_SAMPLES] for start in starts])
    mean = run_onnx(content("speaker_encoder"), windows, "pcm")["embedding"].mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_one_voice_is_closer_to_itself_than_to_another(shared_fixtures: Path) -> None:
    """Neutral and angry speech of one woman agree far better than hers and a man's."""
    neutral, angry, man = (
        voice_of(recording(shared_fixtures, name)) for name in ("Claire_neutral", "Claire_anger", "Mark_joy")
    )

    assert neutral @ angry > 0.75
    assert max(neutral @ man, angry @ man) < 0.68


def test_silence_gives_numbers() -> None:
    """Digital silence gives an embedding of length 1, not numbers that are none."""
    embedding = run_onnx(content("speaker_encoder"), np.zeros((1, WINDOW_SAMPLES), np.int16), "pcm")["embedding"]

    assert np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-4)


def test_spectrum_finds_a_tone() -> None:
    """A tone shows in the mel band that lies around its frequency."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(400) / 16_000)
    waves = fourier_kernels()[:, 0] @ tone
    mel = mel_filters() @ (waves[:201] ** 2 + waves[201:] ** 2)

    # 1 kHz is 15 steps of 66.7 Hz; 42 corners span 0 to 8 kHz.
    assert mel.argmax() in (12, 13, 14)


def test_speech_is_found_and_noise_is_not(shared_fixtures: Path) -> None:
    """Most of a recording is speech; noise and digital silence hold none."""
    speech = recording(shared_fixtures, "Mark_joy")[: 5 * 16384]
    heard = listen(content("voice_activity"), speech[None])
    noise = np.random.default_rng(1).normal(0, 300, (1, 5 * 16384)).astype(np.int16)
    others = listen(content("voice_activity"), np.concatenate([noise, np.zeros_like(noise)]))

    assert (heard > 0.5).mean() > 0.7
    assert (others[:, 3:] > 0.5).mean() < 0.02


def test_memory_travels_with_the_calls() -> None:
    """Frames of the second call differ when the first one is not told of: the state matters and is kept."""
    recordings = sounds(2 * 16384)[:6]
    whole = listen(content("voice_activity"), recordings)
    second = listen(content("voice_activity"), recordings[:, 16384:])

    assert np.abs(whole[:, 32:] - second).max() > 0.05
