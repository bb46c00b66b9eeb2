"""Resampling, encoders and headerless sound."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from visage.media.pcm import FloatPcm
from visage.runtime.audio import (
    OPUS_RATES_HZ,
    AudioLimits,
    Encoding,
    StreamingResampler,
    decode_raw,
    encode_audio,
    open_writer,
    raw_samples,
    resample,
)
from visage.runtime.errors import InvalidField, MediaTooLarge, MediaUndecodable
from visage.v1 import media_pb2

pytestmark = pytest.mark.unit


def tone(seconds: float, rate_hz: int, hertz: float = 300.0) -> FloatPcm:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def test_encodings_are_those_of_the_wire() -> None:
    """Names and values equal the proto's enum, its zero aside."""
    wire = {name.removeprefix("AUDIO_ENCODING_"): value for name, value in media_pb2.AudioEncoding.items() if value}

    assert wire == {encoding.name: encoding.value for encoding in Encoding}


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC])
def test_lossless_files_come_back(encoding: Encoding, rate_hz: int) -> None:
    """WAV and FLAC hold the samples to 16 bits at every rate."""
    sound = tone(0.3, rate_hz)
    decoded, decoded_rate_hz = soundfile.read(io.BytesIO(encode_audio(sound, rate_hz, encoding)), dtype="float32")

    assert decoded_rate_hz == rate_hz
    assert np.abs(decoded - sound).max() <= 1 / 32768


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
def test_opus_keeps_length_and_level(rate_hz: int) -> None:
    """Ogg Opus decodes to the same duration and about the same level at each of its rates."""
    sound = tone(1.0, rate_hz)
    decoded, decoded_rate_hz = soundfile.read(io.BytesIO(encode_audio(sound, rate_hz, Encoding.OGG_OPUS)))

    assert len(decoded) / decoded_rate_hz == pytest.approx(1.0, abs=0.005)
    assert np.sqrt(np.mean(decoded**2)) == pytest.approx(np.sqrt(np.mean(sound**2)), rel=0.1)


def test_opus_refuses_other_rates() -> None:
    """A rate that Opus lacks is named in the error."""
    with pytest.raises(InvalidField, match="48000"):
        open_writer(Encoding.OGG_OPUS, 44_100)


@pytest.mark.parametrize(
    ("encoding", "error"), [(Encoding.LINEAR16, 1e-4), (Encoding.MULAW, 0.02), (Encoding.ALAW, 0.02)]
)
def test_headerless_sound_comes_back(encoding: Encoding, error: float) -> None:
    """Raw encodings round-trip within their precision."""
    sound = tone(0.2, 8000)
    decoded = decode_raw(encode_audio(sound, 8000, encoding), encoding, 8000, 1, "audio", 8000)

    assert encoding.is_raw
    assert np.abs(decoded - sound).max() <= error


def test_headerless_stereo_is_averaged() -> None:
    """Two interleaved channels become their mean."""
    data = np.array([[1000, 3000], [-2000, -4000]], "<i2").tobytes()
    samples = raw_samples(data, Encoding.LINEAR16, 2, "audio")

    assert (samples * 32768).round().tolist() == [2000, -3000]


def test_half_samples_are_refused() -> None:
    """An odd number of bytes of 16-bit sound is undecodable."""
    with pytest.raises(MediaUndecodable, match="whole samples"):
        raw_samples(b"abc", Encoding.LINEAR16, 1, "audio")


def test_headerless_sound_has_limits() -> None:
    """Too long, too large and empty raw sound is refused with the field's name."""
    limits = AudioLimits(max_bytes=40_000, max_duration_s=1.0)
    with pytest.raises(MediaTooLarge) as long:
        decode_raw(bytes(20_000), Encoding.LINEAR16, 8000, 1, "audio.content", 16_000, limits)
    with pytest.raises(MediaTooLarge) as large:
        decode_raw(bytes(50_000), Encoding.LINEAR16, 48_000, 1, "audio.content", 16_000, limits)
    with pytest.raises(MediaUndecodable) as empty:
        decode_raw(b"", Encoding.LINEAR16, 8000, 1, "audio.content", 16_000, limits)

    assert long.value.metadata["actual"] == "1.2 s"
    assert large.value.metadata["limit"] == "40000 bytes"
    assert empty.value.field == "audio.content"


@pytest.mark.parametrize(("source_hz", "target_hz"), [(16000, 48000), (22050, 16000), (48000, 8000), (16000, 16000)])
def test_streaming_resampler_equals_the_whole(source_hz: int, target_hz: int) -> None:
    """Pieces of any size give the same samples as one call, up to the filter's precision."""
    sound = tone(1.0, source_hz)
    stream = StreamingResampler(source_hz, target_hz)
    pieces = [stream.push(piece) for piece in np.split(sound, [1, 100, 5000, 5001, 12000])]
    streamed = np.concatenate([*pieces, stream.finish()])
    whole = resample(sound, source_hz, target_hz)

    assert len(streamed) == len(whole) == target_hz
    assert np.abs(streamed - whole).max() < 1e-4


def test_one_sample_survives_resampling() -> None:
    """Sound too short for a sample at the lower rate keeps one."""
    assert len(resample(np.array([0.5], np.float32), 48_000, 8_000)) == 1
