"""Sound as values."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from visage.media import pcm

pytestmark = pytest.mark.unit

RATE_HZ = 16_000


def tone(seconds: float = 0.5, level: float = 0.5, hertz: float = 220.0) -> pcm.FloatPcm:
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * hertz * times_s)).astype(np.float32)


def test_int16_survives_the_way_through_float() -> None:
    """Every int16 value comes back from float32 unchanged."""
    values = np.arange(-32768, 32768).astype(np.int16)

    assert np.array_equal(pcm.to_int16(pcm.to_float32(values)), values)


def test_overshoot_is_clamped_not_wrapped() -> None:
    """Samples beyond full scale become the extreme values."""
    values = pcm.to_int16(np.array([1.5, 1.0, -1.0, -1.5], np.float32))

    assert values.tolist() == [32767, 32767, -32768, -32768]


@pytest.mark.parametrize(("subtype", "decode"), [("ULAW", pcm.decode_mulaw), ("ALAW", pcm.decode_alaw)])
def test_companding_laws_decode_as_libsndfile_does(subtype: str, decode: object) -> None:
    """All 256 codes of both laws have the values of an independent implementation."""
    codes = bytes(range(256))
    expected, _ = soundfile.read(
        io.BytesIO(codes), format="RAW", subtype=subtype, channels=1, samplerate=8000, dtype="int16"
    )

    assert np.array_equal(decode(codes), expected)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("encode", "decode"), [(pcm.encode_mulaw, pcm.decode_mulaw), (pcm.encode_alaw, pcm.decode_alaw)]
)
def test_companding_takes_the_nearest_value(encode: object, decode: object) -> None:
    """Encoding a value that a code stands for gives that value back, and others land within a step of 1/16."""
    values = np.arange(-32000, 32000, 7).astype(np.int16)
    error = np.abs(decode(encode(values)).astype(int) - values)  # type: ignore[operator]

    assert (error <= np.maximum(np.abs(values.astype(int)) / 16, 16)).all()


def test_silence_is_told_from_a_whisper() -> None:
    """Digital silence, faint noise and a constant offset are silent; 20 ms of a quiet tone are not."""
    noise = np.random.default_rng(0).normal(0, 3e-4, RATE_HZ).astype(np.float32)
    whisper = noise.copy()
    whisper[8000:8320] += tone(0.02, 0.02)

    assert pcm.is_silent(np.zeros(0, np.float32), RATE_HZ)
    assert pcm.is_silent(np.zeros(1, np.float32), RATE_HZ)
    assert pcm.is_silent(noise, RATE_HZ)
    assert pcm.is_silent(noise + np.float32(0.3), RATE_HZ)
    assert not pcm.is_silent(whisper, RATE_HZ)


def test_clipping_is_told_from_a_peak() -> None:
    """A flattened wave counts, a single sample at full scale does not."""
    flattened = np.clip(tone(level=2.0), -1, 1)
    peak = tone()
    peak[100] = 1.0

    assert pcm.clipped_share(flattened) > 0.3
    assert pcm.clipped_share(peak) == 0.0
    assert pcm.clipped_share(np.ones(1, np.float32)) == 0.0


def test_limiter_holds_the_ceiling() -> None:
    """No sample of very loud noise passes -1 dB."""
    noise = np.random.default_rng(1).normal(0, 1.5, RATE_HZ).astype(np.float32)
    limited = pcm.limit_peaks(noise, RATE_HZ)

    assert np.abs(limited).max() <= pcm.decibels_to_gain(-1.0) + 1e-6


def test_limiter_leaves_the_rest_alone() -> None:
    """Samples further than 30 ms from a peak are not changed, and quiet sound passes as it is."""
    sound = tone(1.0)
    loud = sound.copy()
    loud[8000] = 3.0
    limited = pcm.limit_peaks(loud, RATE_HZ)

    assert pcm.limit_peaks(sound, RATE_HZ) is sound
    assert np.array_equal(limited[:7500], sound[:7500])
    assert np.array_equal(limited[8500:], sound[8500:])


def test_limiter_keeps_the_wave_round() -> None:
    """A sine of twice full scale stays a sine: its harmonics lie 40 dB below it."""
    limited = pcm.limit_peaks(tone(1.0, 2.0, 200.0), RATE_HZ)[1600:-1600]
    spectrum = np.abs(np.fft.rfft(limited * np.hanning(len(limited))))
    bin_hz = RATE_HZ / len(limited)
    fundamental = spectrum[round(200 / bin_hz)]
    third = spectrum[round(600 / bin_hz)]

    assert third < fundamental / 100


def test_fades_begin_and_end_at_nothing() -> None:
    """Edges are ramped, the middle is untouched, and the shortest sounds do not break."""
    faded = pcm.fade_edges(np.ones(100, np.float32), 10)

    assert faded[0] < 0.05
    assert faded[-1] < 0.05
    assert (faded[10:90] == 1).all()
    assert len(pcm.fade_edges(np.ones(1, np.float32), 10)) == 1


def test_levels_are_decibels_of_full_scale() -> None:
    """A full-scale sine is at -3 dB; frames cover all samples, the last one too."""
    levels = pcm.frame_levels_db(np.concatenate([tone(1.0, 1.0), np.zeros(10, np.float32)]), RATE_HZ)

    assert pcm.level_db(tone(1.0, 1.0)) == pytest.approx(-3.01, abs=0.05)
    assert len(levels) == 51
    assert levels[-1] == -120


def test_two_channels_are_averaged() -> None:
    """Stereo becomes the mean of both sides."""
    stereo = np.array([[1.0, 0.0], [0.5, -0.5]], np.float32)

    assert pcm.average_channels(stereo).tolist() == [0.5, 0.0]


def test_pieces_make_the_whole() -> None:
    """Splitting loses nothing, and only the last piece may be short."""
    pieces = list(pcm.split(np.arange(10, dtype=np.float32), 4))

    assert [len(piece) for piece in pieces] == [4, 4, 2]
    assert np.concatenate(pieces).tolist() == list(range(10))
