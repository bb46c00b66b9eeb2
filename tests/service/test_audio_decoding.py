"""Files of strangers become sound in a confined child process."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from visage.media import pcm
from visage.runtime.audio import AudioLimits, decode_audio
from visage.runtime.errors import MediaTooLarge, MediaUndecodable

pytestmark = pytest.mark.service

FIELD = "audio.content"


def file_of(samples: object, rate_hz: int, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    data = io.BytesIO()
    soundfile.write(data, samples, rate_hz, format=kind, subtype=subtype)
    return data.getvalue()


def tone(seconds: float, rate_hz: int) -> pcm.FloatPcm:
    return (0.4 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def children() -> set[int]:
    """Processes whose parent is this one."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat[stat.rindex(")") + 2 :].split()[1]) == os.getpid():
                found.add(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("kind", "subtype", "rate_hz"),
    [
        ("WAV", "PCM_16", 8000),
        ("WAV", "PCM_24", 48_000),
        ("WAV", "FLOAT", 22_050),
        ("WAV", "ULAW", 8000),
        ("FLAC", "PCM_16", 44_100),
        ("OGG", "VORBIS", 44_100),
        ("OGG", "OPUS", 48_000),
        ("MP3", "MPEG_LAYER_III", 32_000),
    ],
)
async def test_formats_are_told_by_content(kind: str, subtype: str, rate_hz: int) -> None:
    """Every supported format and rate, mono or stereo, becomes 16 kHz mono of the same duration and level."""
    mono = tone(0.5, rate_hz)
    content = file_of(np.stack([mono, mono], axis=1), rate_hz, kind, subtype)
    samples = await decode_audio(content, FIELD, 16_000)

    assert samples.dtype == np.float32
    assert len(samples) / 16_000 == pytest.approx(0.5, abs=0.06)
    assert pcm.level_db(samples[1600:6400]) == pytest.approx(pcm.level_db(mono), abs=1.0)


async def test_opposite_channels_cancel() -> None:
    """Stereo is averaged, not cut to one side."""
    mono = tone(0.2, 16_000)
    samples = await decode_audio(file_of(np.stack([mono, -mono], axis=1), 16_000), FIELD, 16_000)

    assert pcm.is_silent(samples, 16_000)


async def test_one_sample_is_sound() -> None:
    """A file of one sample decodes to at least one sample."""
    samples = await decode_audio(file_of(np.array([0.5]), 48_000), FIELD, 16_000)

    assert len(samples) == 1


async def test_clipped_sound_passes_and_can_be_told() -> None:
    """Float samples beyond full scale are clamped, and the share of clipped ones is known."""
    samples = await decode_audio(file_of(tone(0.5, 16_000) * 5, 16_000, "WAV", "FLOAT"), FIELD, 16_000)

    assert np.abs(samples).max() == 1.0
    assert pcm.clipped_share(samples) > 0.3


async def test_a_wav_cut_short_gives_what_is_there() -> None:
    """Half a WAV file is half the sound: its header's length is not believed."""
    content = file_of(tone(1.0, 16_000), 16_000)
    samples = await decode_audio(content[: len(content) // 2 + 1], FIELD, 16_000)

    assert len(samples) == pytest.approx(8000, abs=30)


def not_a_number() -> bytes:
    return file_of(np.array([0.0, np.nan, 0.1]), 16_000, "WAV", "FLOAT")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no bytes"),
        (b"hello", "not a WAV"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a WAV"),
        (b"RIFF" + bytes(60), "broken"),
        (file_of(np.zeros(0), 16_000), "no samples"),
        (file_of(tone(1.0, 44_100), 44_100, "FLAC")[:3000], "broken"),
        (file_of(tone(0.1, 96_000), 96_000), "96000 Hz"),
        (file_of(tone(0.1, 4000), 4000), "4000 Hz"),
        (file_of(np.zeros((100, 3)), 16_000), "3 channels"),
        (not_a_number(), "not numbers"),
    ],
    ids=["empty", "text", "png", "header-only", "no-frames", "cut-flac", "96k", "4k", "three-channels", "nan"],
)
async def test_what_is_not_sound_is_refused(content: bytes, cause: str) -> None:
    """Bytes that cannot become sound are refused with the field and the cause."""
    with pytest.raises(MediaUndecodable, match=cause) as caught:
        await decode_audio(content, FIELD, 16_000)

    assert caught.value.field == FIELD


async def test_size_and_duration_have_limits() -> None:
    """Too many bytes and too many seconds are refused, the latter also when much sound hides in few bytes."""
    silence = file_of(np.zeros(16_000 * 120), 16_000, "FLAC")
    with pytest.raises(MediaTooLarge) as long:
        await decode_audio(silence, FIELD, 16_000)
    with pytest.raises(MediaTooLarge) as large:
        await decode_audio(bytes(2000), FIELD, 16_000, AudioLimits(max_bytes=1000))

    assert len(silence) < 100_000
    assert long.value.metadata == {"field": FIELD, "limit": "60 s", "actual": "120.0 s"}
    assert large.value.metadata["actual"] == "2000 bytes"


async def test_cancelling_leaves_no_process() -> None:
    """The child of a cancelled call is gone when the call has ended."""
    before = children()
    call = asyncio.create_task(decode_audio(file_of(tone(30, 48_000), 48_000), FIELD, 16_000))
    async with asyncio.timeout(10):
        while not children() - before:  # a process starts: nothing of ours could set an event
            await asyncio.sleep(0.005)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert children() <= before


async def test_speech_of_people_decodes(shared_fixtures: Path) -> None:
    """Recorded speech is neither silent nor clipped at any rate asked for."""
    content = (shared_fixtures / "speech" / "Claire_neutral.wav").read_bytes()
    samples = await decode_audio(content, FIELD, 16_000)

    assert not pcm.is_silent(samples, 16_000)
    assert pcm.clipped_share(samples) < 0.01
