"""What is heard in a voice: pitch, statistics, careful emotions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.animation.fit_voice_emotion import heard
from visage.animation.voice_emotion import VoiceEmotion, judge
from visage.animation.voice_features import MARGIN_SAMPLES, voice_features
from visage.media.emotions import EMOTION_INDEX
from visage.media.pcm import to_int16

pytestmark = pytest.mark.unit

JOY, ANGER, SADNESS = (EMOTION_INDEX[name] for name in ("joy", "anger", "sadness"))


def harmonic(hz: float, seconds: float = 0.5, tilt: float = 1.0) -> np.ndarray:
    """[samples] of a voiced sound whose nth harmonic has amplitude n ** -tilt."""
    time_s = np.arange(round(seconds * 16_000)) / 16_000
    count = int(3800 / hz)
    sound: np.ndarray = sum(0.1 * n**-tilt * np.sin(2 * np.pi * hz * n * time_s) for n in range(1, count + 1))  # type: ignore[assignment]
    return sound


def features(sound: np.ndarray) -> np.ndarray:
    silence = np.zeros(MARGIN_SAMPLES, np.int16)
    return voice_features(np.concatenate([silence, to_int16(sound.astype(np.float32)), silence]))


def voice(seconds: float, *, pitch: float = 0, level: float = 0, tilt: float = 0, seed: int = 0) -> np.ndarray:
    """[ticks, 4] features of a voice with ordinary ups and downs, four syllables a second, and changes on top."""
    rng, count = np.random.default_rng(seed), round(seconds * 50)
    time_s = np.arange(count) / 50
    syllable = np.cos(2 * np.pi * 4 * time_s)
    wander = np.convolve(rng.normal(size=count + 199), np.ones(200) / 14, "valid")
    semitones = 18 + pitch + 1.2 * syllable + 1.5 * np.sin(2 * np.pi * time_s / 1.7) + 0.3 * wander
    return np.stack(
        [
            semitones,
            np.full(count, 0.9),
            -24 + level + 5 * syllable + 0.3 * wander,
            -14 + tilt + 2 * np.sin(2 * np.pi * time_s / 1.1) + rng.normal(size=count),
        ],
        axis=1,
    ).astype(np.float32)


def listen(*parts: np.ndarray, cut: int = 10) -> np.ndarray:
    """[ticks, 10] weights while the last part is heard."""
    ear, rows = VoiceEmotion(), []
    for part in parts:
        steps = range(0, len(part), cut)
        rows = [ear.advance(part[n : n + cut], np.ones(len(part[n : n + cut]), np.float32)) for n in steps]
    return np.concatenate(rows)


@pytest.mark.parametrize("hz", [75, 110, 180, 260, 420])
def test_the_pitch_of_a_voiced_sound_is_found(hz: float) -> None:
    """Within a tenth of a semitone, in every tick that is wholly inside the sound."""
    found = features(harmonic(hz))[2:-2]

    assert np.abs(found[:, 0] - 12 * np.log2(hz / 55)).max() < 0.1
    assert found[:, 1].min() > 0.8


def test_noise_and_silence_have_no_pitch() -> None:
    """White noise is mostly unvoiced, silence wholly, and both give finite values."""
    noise = features(0.1 * np.random.default_rng(1).normal(size=16_000))
    silence = features(np.zeros(16_000))

    assert np.mean(noise[:, 0] > 0) < 0.05
    assert silence[:, :2].max() == 0
    assert np.isfinite(np.concatenate([noise, silence])).all()


def test_a_brighter_voice_has_more_tilt() -> None:
    """Flat harmonics are at least 6 dB brighter than steep ones; twice the amplitude is 6 dB more level."""
    steep, flat = features(harmonic(150, tilt=1.5)), features(harmonic(150, tilt=0.5))
    loud = features(2 * harmonic(150, tilt=1.5))

    assert flat[10, 3] > steep[10, 3] + 6
    assert loud[10, 2] == pytest.approx(steep[10, 2] + 6.02, abs=0.1)


def test_an_even_voice_stays_neutral() -> None:
    """Half a minute of ordinary ups and downs in five voices: no emotion beyond a trace."""
    for seed in range(5):
        assert listen(voice(30, seed=seed)).max() < 0.15


def test_changes_against_the_own_past_are_felt() -> None:
    """After 20 s a higher, livelier voice is joy, a louder, brighter one anger, a lower, softer one sadness."""
    past = voice(20)
    joy = listen(past, voice(8, pitch=4, level=2, seed=1))[250:].mean(axis=0)
    anger = listen(past, voice(8, pitch=1, level=6, tilt=4, seed=1))[250:].mean(axis=0)
    sadness = listen(past, voice(8, pitch=-2.5, level=-5, tilt=-3, seed=1))[250:].mean(axis=0)

    assert joy[JOY] > 0.3 and joy.argmax() == JOY
    assert anger[ANGER] > 0.3 and anger.argmax() == ANGER
    assert sadness[SADNESS] > 0.3 and sadness.argmax() == SADNESS


def test_without_a_past_changes_do_not_count() -> None:
    """The same rises mean nothing in the first seconds of a voice."""
    found = np.stack([np.array([20, 4, 1, -20, 6, 4, -12, 0.7]), np.array([4, 0, 0, 5, 0, 1, 2, 0])]).astype(np.float32)

    assert judge(found, 3.0).max() == 0
    assert judge(found, 15.0).max() > 0.3


def test_weights_move_softly_and_fade_in_silence() -> None:
    """From tick to tick weights change by less than 0.03, and ten seconds of silence end them."""
    ear, loud = VoiceEmotion(), np.concatenate([voice(20), voice(8, pitch=1, level=6, tilt=4)])
    heard_loud = ear.advance(loud, np.ones(len(loud), np.float32))
    silent = ear.advance(np.zeros((500, 4), np.float32), np.zeros(500, np.float32))
    everything = np.concatenate([heard_loud, silent])

    assert heard_loud.max() > 0.3
    assert np.abs(np.diff(everything, axis=0)).max() < 0.03
    assert silent[-1].max() < 0.05


def test_how_the_ticks_come_leaves_no_trace() -> None:
    """Steps of 3, 8, 10 or 73 ticks give the same bits."""
    made = [listen(np.concatenate([voice(15), voice(6, pitch=4, level=4)]), cut=cut) for cut in (3, 8, 10, 73)]

    assert made[0].max() > 0.1
    assert all(np.array_equal(made[0], other) for other in made[1:])


def test_people_are_heard_with_care(shared_fixtures: Path) -> None:
    """A neutral speaker stays near neutral, also for long; a lively one is a little joyful and nothing else."""

    def mean(name: str, rounds: int = 1) -> np.ndarray:
        samples, _ = soundfile.read(shared_fixtures / "speech" / f"{name}.wav", dtype="float32")
        ear, (sound, speech) = VoiceEmotion(), heard(samples)
        weights = np.concatenate([ear.advance(sound, speech) for _ in range(rounds)])
        top: np.ndarray = weights.max(axis=0)
        return top

    assert mean("Claire_neutral").max() < 0.15
    assert mean("Claire_neutral", 4).max() < 0.25
    assert 0.2 < mean("Mark_joy")[JOY] < 0.7
    assert mean("Mark_joy")[[ANGER, SADNESS]].max() < 0.1
