"""Bytes of a stream → samples on the motor clock."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from tests.fakes.lip_sync import sound
from visage.animation.audio_intake import AudioIntake, SampleHistory
from visage.animation.audio_source import SourceFormat
from visage.media.pcm import to_int16
from visage.runtime.errors import MediaUndecodable, StreamTooLong

pytestmark = pytest.mark.unit


def wav(samples: np.ndarray, rate_hz: int, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


async def take(data: bytes, source: SourceFormat, piece: int, longest_s: float = 60) -> AudioIntake:
    intake = AudioIntake(source, longest_s)
    for start in range(0, len(data), piece):
        intake.push(data[start : start + piece])
    await intake.finish()
    return intake


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
async def test_the_cut_of_a_stream_leaves_no_trace(rate_hz: int, channels: int) -> None:
    """LINEAR16 in pieces of 1 byte, of odd sizes or whole gives the same samples and the exact duration."""
    mono = sound(("hum", 0.1), ("buzz", 0.05), rate_hz=rate_hz)
    data = to_int16(np.repeat(mono, channels)).tobytes()
    source = SourceFormat(rate_hz, channels, has_header=False)

    taken = [await take(data, source, piece) for piece in (1, 37, 1000, len(data))]

    assert len({intake.history.read(0, 4000).tobytes() for intake in taken}) == 1
    assert {intake.duration for intake in taken} == {Fraction(len(mono), rate_hz)}
    assert taken[0].history.end == pytest.approx(0.15 * 16_000, abs=20)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
async def test_wav_files_of_all_usual_kinds_are_read(subtype: str) -> None:
    """Integers of 8 to 32 bits and floats give the same sound, whatever the pieces."""
    samples = sound(("hum", 0.1))
    taken = await take(wav(samples, 16_000, subtype), SourceFormat(), 13)

    heard = taken.history.read(0, len(samples)) / 32768
    assert np.abs(heard - samples).max() < (0.01 if subtype == "PCM_U8" else 1e-4)


async def test_a_flac_file_is_read_at_its_end() -> None:
    """FLAC gives the sound it holds, resampled."""
    file = io.BytesIO()
    soundfile.write(file, sound(("hum", 0.2), rate_hz=44_100), 44_100, format="FLAC")
    taken = await take(file.getvalue(), SourceFormat(), 500)

    assert float(taken.duration) == pytest.approx(0.2, abs=1e-4)
    assert np.abs(taken.history.read(0, 3200)).max() > 8000


async def test_a_wav_file_of_unknown_length_is_read_to_its_end() -> None:
    """A writer that streams leaves 0xFFFFFFFF as length; what follows the samples of a known length is skipped."""
    samples = sound(("hum", 0.1))
    whole = wav(samples, 16_000)
    place = whole.index(b"data") + 4
    endless = whole[:place] + struct.pack("<I", 0xFFFFFFFF) + whole[place + 4 :]

    assert (await take(endless, SourceFormat(), 100)).duration == Fraction(1, 10)
    assert (await take(whole + b"LIST\x04\x00\x00\x00abcd", SourceFormat(), 100)).duration == Fraction(1, 10)


def bad_wav(**changes: int) -> bytes:
    fields = {"code": 1, "channels": 1, "rate_hz": 16_000, "bits": 16, **changes}
    width = fields["channels"] * fields["bits"] // 8
    layout = (fields["code"], fields["channels"], fields["rate_hz"], fields["rate_hz"] * width, width, fields["bits"])
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, *layout) + b"data" + struct.pack("<I", 3200) + bytes(3200)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("data", "source", "words"),
    [
        (b"", SourceFormat(), "no samples"),
        (b"", SourceFormat(16_000, has_header=False), "no samples"),
        (b"RIFF", SourceFormat(), "before they tell"),
        (b"GIF89a" + bytes(100), SourceFormat(), "neither a WAV nor a FLAC"),
        (bad_wav()[:30], SourceFormat(), "before its samples"),
        (bad_wav()[:-1], SourceFormat(), "not a whole sample"),
        (bad_wav(rate_hz=4_000_000), SourceFormat(), "4000000 Hz"),
        (bad_wav(rate_hz=1), SourceFormat(), "1 Hz"),
        (bad_wav(channels=6), SourceFormat(), "6 channels"),
        (bad_wav(code=85), SourceFormat(), "format 85"),
        (bad_wav(rate_hz=44_100), SourceFormat(16_000), "44100 Hz"),
        (bad_wav(), SourceFormat(16_000, has_header=False), "LINEAR16 was announced"),
        (b"OggS" + bytes(60), SourceFormat(16_000, has_header=False), "LINEAR16 was announced"),
        (b"ID3\x04" + bytes(60), SourceFormat(16_000, has_header=False), "LINEAR16 was announced"),
        (b"fLaC" + bytes(60), SourceFormat(), "audio: "),
        (bytes(101), SourceFormat(16_000, has_header=False), "not a whole sample"),
        (bytes(102), SourceFormat(16_000, 2, has_header=False), "not a whole sample"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bytes_that_are_not_what_was_announced_are_refused(data: bytes, source: SourceFormat, words: str) -> None:
    """Empty, cut, foreign, lying and odd streams raise MediaUndecodable that names the field and the cause."""
    with pytest.raises(MediaUndecodable, match=words) as caught:
        await take(data, source, 7)

    assert caught.value.field == "audio"


async def test_samples_that_are_not_finite_are_refused() -> None:
    """A float WAV with NaN raises MediaUndecodable."""
    samples = sound(("hum", 0.05))
    samples[100] = np.nan

    with pytest.raises(MediaUndecodable, match="not finite"):
        await take(wav(samples, 16_000, "FLOAT"), SourceFormat(), 1000)


async def test_a_stream_over_its_limit_is_ended() -> None:
    """The first sample beyond the limit raises StreamTooLong, raw or FLAC."""
    flac = io.BytesIO()
    soundfile.write(flac, sound(("hum", 1.2)), 16_000, format="FLAC")

    with pytest.raises(StreamTooLong):
        await take(bytes(32_002), SourceFormat(16_000, has_header=False), 1000, longest_s=1)
    with pytest.raises(StreamTooLong):
        await take(flac.getvalue(), SourceFormat(), 1000, longest_s=1)
    assert (await take(bytes(32_000), SourceFormat(16_000, has_header=False), 999, longest_s=1)).duration == 1


@pytest.mark.parametrize("piece", [64, 5000, 200_000])
async def test_clipping_is_noticed_at_the_same_time_however_the_stream_is_cut(piece: int) -> None:
    """A flattened wave is noticed after the second in which it was heard; a loud one is not clipped."""
    source = SourceFormat(16_000, has_header=False)
    flat = np.clip(3 * sound(("hum", 2.5), level=0.9), -1, 1)
    clipped = np.concatenate([sound(("hum", 1.0)), flat])

    assert (await take(to_int16(clipped).tobytes(), source, piece)).clipped_at == 2
    assert (await take(to_int16(sound(("hum", 2.5), level=0.99)).tobytes(), source, piece)).clipped_at is None


def test_history_reads_silence_around_what_it_holds() -> None:
    """Before the start, after the end, and where it was told to forget."""
    history = SampleHistory()
    history.append(np.arange(1, 6, dtype=np.int16))
    history.append(np.arange(6, 9, dtype=np.int16))
    history.forget_before(2)

    assert history.read(-2, 10).tolist() == [0, 0, 0, 0, 3, 4, 5, 6, 7, 8, 0, 0]
    assert history.end == 8
