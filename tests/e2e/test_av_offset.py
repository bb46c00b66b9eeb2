"""Do lips and sound of films meet? Measured by cross-correlation, from the decoded MP4 alone.

Bounds: ITU-R BT.1359, sound at most 45 ms early and 125 ms late.
"""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.obedience import lip_gap_mm
from tests.e2e.test_command import visage
from visage.client import ClientSettings
from visage.media.windows import Array

pytestmark = pytest.mark.e2e

MOST_EARLY_S, MOST_LATE_S = 0.045, 0.125
STARTS_S = (0.5, 1.0, 1.9, 2.4, 3.5, 4.5, 4.9)
"""Of the syllables, at no even distance, so that only one shift fits."""
TEXT = "Bob. Pop up. Bob, Bob. Pub. Pop."
STEP_S = 0.005
SEARCHED_S = 0.4


async def lips_and_sound(film: bytes) -> tuple[Array, float, Array, int]:
    """Distance between the lips in each frame, the frame rate, the samples and their rate."""
    with av.open(io.BytesIO(film)) as container:
        stream = container.streams.video[0]
        rate, start = float(stream.average_rate), float(stream.start_time * stream.time_base)
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
    with av.open(io.BytesIO(film)) as container:
        audio = container.streams.audio[0]
        parts = [(float(frame.pts * frame.time_base), frame.to_ndarray()[0]) for frame in container.decode(audio)]
    # Players show both by their time stamps: sound that starts later than the pictures is later.
    late = round((parts[0][0] - start) * audio.sample_rate)
    samples = np.concatenate([np.zeros(max(late, 0)), *(part for _, part in parts)])[max(-late, 0) :]
    return lip_gap_mm(await FaceWatch().follow(frames)), rate, samples, audio.sample_rate


def lateness_s(gaps: Array, rate: float, samples: Array, sample_rate: int) -> float:
    """By how many seconds the sound comes after the lips: where its loudness fits their opening best."""
    moments = np.arange(0, len(gaps) / rate, STEP_S)
    opening = np.interp(moments, (np.arange(len(gaps)) + 0.5) / rate, gaps)
    window = round(0.04 * sample_rate)
    power = np.convolve(np.square(samples), np.ones(window) / window, mode="same")
    loudness = np.sqrt(np.interp(moments, np.arange(len(power)) / sample_rate, power))
    reach = round(SEARCHED_S / STEP_S)
    inner = opening[reach:-reach]
    fits = [
        np.corrcoef(inner, loudness[reach + shift : len(loudness) - reach + shift])[0, 1]
        for shift in range(-reach, reach + 1)
    ]
    assert max(fits) > 0.5
    return (int(np.argmax(fits)) - reach) * STEP_S


def syllables(folder: Path) -> Path:
    """A recording of one syllable that starts and ends with shut lips, said again and again."""
    said, recording = folder / "syllable.wav", folder / "syllables.wav"
    outcome = visage("speak", "Bob.", "-o", str(said))
    assert outcome.returncode == 0, outcome.stderr
    samples, rate = soundfile.read(str(said), dtype="float32")
    loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
    syllable = samples[loud[0] : loud[-1]][: round(0.4 * rate)]
    track = np.zeros(round((STARTS_S[-1] + 1.2) * rate), np.float32)
    for start_s in STARTS_S:
        start = round(start_s * rate)
        track[start : start + len(syllable)] += syllable
    soundfile.write(str(recording), track, rate)
    return recording


@pytest.mark.parametrize("driver", ["audio", "text"])
async def test_lips_and_sound_meet(addresses: ClientSettings, identity: str, tmp_path: Path, driver: str) -> None:
    """Within the standard's bounds; a track that is shifted by 200 ms either way is not."""
    given = ("--audio", str(syllables(tmp_path))) if driver == "audio" else ("--text", TEXT)
    film = tmp_path / "film.mp4"
    outcome = visage("talk", identity, *given, "-o", str(film))
    assert outcome.returncode == 0, outcome.stderr
    gaps, rate, samples, sample_rate = await lips_and_sound(film.read_bytes())
    shift = np.zeros(round(0.2 * sample_rate))

    measured = lateness_s(gaps, rate, samples, sample_rate)
    print(f"{driver}: sound {1000 * measured:.0f} ms after the lips")

    assert -MOST_EARLY_S <= measured <= MOST_LATE_S
    assert lateness_s(gaps, rate, np.concatenate([shift, samples]), sample_rate) > MOST_LATE_S
    assert lateness_s(gaps, rate, np.concatenate([samples[len(shift) :], shift]), sample_rate) < -MOST_EARLY_S
