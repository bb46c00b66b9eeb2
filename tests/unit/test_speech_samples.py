"""What a sample is judged by: steady tones, groups of windows, the gate's reasons, with networks that are fakes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.speech_models import FakeSpeechModels
from visage.runtime.errors import SpeechNotUsable
from visage.speech.music import steadiness
from visage.speech.sample_gate import SampleLimits, check_sample
from visage.speech.speaker_embedding import Speaker, embed_speech

pytestmark = pytest.mark.unit

RATE_HZ = 16_000
RANDOM = np.random.default_rng(7)


def talk(length_s: float, colour: float = 0.0) -> np.ndarray:
    """Bursts of coloured noise with pauses: loud enough for speech, without tones."""
    count = round(length_s * RATE_HZ)
    noise = RANDOM.normal(0, 1, count)
    coloured = noise - colour * np.concatenate([[0], noise[:-1]])
    syllables = np.clip(np.sin(2 * np.pi * 3 * np.arange(count) / RATE_HZ) + 0.3, 0, 1)
    return (0.1 * coloured * syllables + RANDOM.normal(0, 1e-4, count)).astype(np.float32)


async def cause(samples: np.ndarray) -> str:
    with pytest.raises(SpeechNotUsable) as refused:
        await check_sample(samples, FakeSpeechModels(), SampleLimits(), 1.0)
    return refused.value.cause


def test_chords_are_steady_and_noise_is_not() -> None:
    """Held tones are far steadier than what changes by the frame."""
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hertz * time_s) for hertz in (262, 330, 392, 523, 660)) * 0.05

    assert np.median(steadiness(chord.astype(np.float32))) > 3
    assert np.median(steadiness(talk(4))) < 2


def test_a_moment_of_sound_is_not_steady() -> None:
    """Less than one frame is no music."""

    assert steadiness(np.ones(100, np.float32)).tolist() == [0.0]


def test_two_groups_of_windows_are_told() -> None:
    """Windows of two directions split into two groups of unlike means; windows of one do not."""
    first, second = np.eye(256, dtype=np.float32)[:2]
    noisy = lambda centre, count: centre + RANDOM.normal(0, 0.01, (count, 256))  # noqa: E731
    normalise = lambda rows: (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)  # noqa: E731
    two = Speaker(normalise(np.concatenate([noisy(first, 6), noisy(second, 4)]))).largest_split()
    one = Speaker(normalise(noisy(first, 10))).largest_split()

    assert two[0] < 0.1 and two[1] == pytest.approx(0.4)
    assert one[0] > 0.9


def test_halves_of_one_voice_agree() -> None:
    """The ceiling is the cosine of the halves, and 1 for a single window."""
    window = np.eye(256, dtype=np.float32)[:1]

    assert Speaker(window).halves_similarity() == pytest.approx(1)
    assert Speaker(np.eye(256, dtype=np.float32)[:2]).halves_similarity() == pytest.approx(0)


@pytest.mark.parametrize(("length_s", "windows"), [(0.5, 1), (1.6, 1), (4.0, 4), (10.0, 11)])
async def test_windows_cover_the_recording(length_s: float, windows: int) -> None:
    """Windows of 1.6 s overlap by about half, the last one ends with the recording."""
    speaker = await embed_speech(talk(length_s), FakeSpeechModels(), 1.0)

    assert len(speaker.windows) == windows
    assert np.linalg.norm(speaker.embedding) == pytest.approx(1, abs=1e-5)


async def test_a_good_sample_passes() -> None:
    """Enough of one voice is a sample; its long pauses are cut out."""
    pause = RANDOM.normal(0, 1e-4, 2 * RATE_HZ).astype(np.float32)
    sample = await check_sample(np.concatenate([talk(5), pause, talk(5)]), FakeSpeechModels(), SampleLimits(), 1.0)

    assert 9 < sample.duration_s < 11


async def test_each_bad_sample_has_its_reason() -> None:
    """Silence, shortness, clipping, noise and a second voice are told apart."""
    loud_noise = (talk(8) + RANDOM.normal(0, 0.05, 8 * RATE_HZ)).astype(np.float32)

    assert await cause(np.zeros(8 * RATE_HZ, np.float32)) == "no_speech"
    assert await cause(talk(3)) == "too_short"
    assert await cause(np.clip(20 * talk(8), -1, 1)) == "clipped"
    assert await cause(loud_noise) == "noisy"
    assert await cause(np.concatenate([talk(5, 0.97), talk(5, -0.97)])) == "several_speakers"


async def test_what_was_measured_is_told() -> None:
    """A refusal carries the measured value and the limit, with units."""
    with pytest.raises(SpeechNotUsable) as refused:
        await check_sample(talk(3), FakeSpeechModels(), SampleLimits(), 1.0)

    assert refused.value.metadata["limit"] == "5 s"
    assert refused.value.metadata["measured"].endswith(" s")
