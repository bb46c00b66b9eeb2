"""Sound in and out: decode strangers' files in a confined child, resample, encode to every AudioEncoding.

Inside a service sound is mono float32 in [-1, 1], see `visage.media.pcm`.
"""

from __future__ import annotations

import enum
import io
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
import soundfile
import soxr

from visage.media import pcm
from visage.media.pcm import FloatPcm
from visage.runtime.confined import decode_confined
from visage.runtime.errors import InvalidField, MediaTooLarge, MediaUndecodable

LOWEST_RATE_HZ: Final = 8_000
HIGHEST_RATE_HZ: Final = 48_000
OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Rates that Opus has; RFC 6716, section 2."""
_WORKER: Final = "visage.runtime.audio_worker"
_CHILD_LIMIT_S: Final = 15.0


class Encoding(enum.IntEnum):
    """Wire encodings; the values are those of `visage.v1.AudioEncoding`."""

    LINEAR16 = 1
    FLAC = 2
    MULAW = 3
    OGG_OPUS = 4
    ALAW = 5
    WAV = 6

    @property
    def is_raw(self) -> bool:
        """Whether the bytes carry no header, so that rate and channels must be told."""
        return self in (Encoding.LINEAR16, Encoding.MULAW, Encoding.ALAW)


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """How much sound a caller may send."""

    max_bytes: int = 20 * 1024 * 1024
    max_duration_s: float = 60.0


async def decode_audio(content: bytes, field: str, sample_rate_hz: int, limits: AudioLimits | None = None) -> FloatPcm:
    """Decodes a WAV, FLAC, Ogg (Vorbis, Opus) or MP3 file, told by its content, in a confined child process.

    Args:
        content: The file.
        field: Path of the request's field that held it, for errors.
        sample_rate_hz: Rate wanted; the file may have 8 to 48 kHz, mono or stereo.
        limits: Largest size and duration; defaults apply if absent.

    Returns:
        [samples] float32 in [-1, 1], two channels averaged.

    Raises:
        MediaTooLarge: Over a limit.
        MediaUndecodable: Another format, broken, empty, more than two channels, or a rate that is not supported.
    """
    samples = await _decode_confined(content, "recording", field, sample_rate_hz, limits or AudioLimits())
    assert samples is not None
    return samples


async def decode_soundtrack(
    content: bytes, field: str, sample_rate_hz: int, limits: AudioLimits | None = None
) -> FloatPcm | None:
    """Decodes the first soundtrack of an MP4, MOV, WebM or MKV file, as `decode_audio` does; None where it has none.

    The samples start with the first picture: sound before it is left out, and where it starts later there is silence.
    What comes after the longest duration is left out.
    """
    return await _decode_confined(content, "film", field, sample_rate_hz, limits or AudioLimits())


async def _decode_confined(
    content: bytes, kind: str, field: str, sample_rate_hz: int, bounds: AudioLimits
) -> FloatPcm | None:
    _check_size(len(content), field, bounds)
    arguments = [str(sample_rate_hz), str(bounds.max_duration_s), kind]
    answer, samples = await decode_confined(_WORKER, arguments, content, _CHILD_LIMIT_S, field)
    if "duration_s" in answer:
        raise _too_long(field, bounds, answer["duration_s"])
    if "cause" in answer:
        raise MediaUndecodable(field, answer["cause"])
    return None if "is_mute" in answer else np.frombuffer(samples, np.float32)


def decode_raw(
    content: bytes,
    encoding: Encoding,
    source_rate_hz: int,
    channel_count: int,
    field: str,
    sample_rate_hz: int,
    limits: AudioLimits | None = None,
) -> FloatPcm:
    """Decodes headerless LINEAR16, MULAW or ALAW bytes; returns [samples] as `decode_audio` does.

    Raises:
        MediaTooLarge: Over a limit.
        MediaUndecodable: No samples, or not whole ones.
    """
    bounds = limits or AudioLimits()
    _check_size(len(content), field, bounds)
    samples = raw_samples(content, encoding, channel_count, field)
    if len(samples) == 0:
        raise MediaUndecodable(field, "holds no samples")
    duration_s = len(samples) / source_rate_hz
    if duration_s > bounds.max_duration_s:
        raise _too_long(field, bounds, duration_s)
    return resample(samples, source_rate_hz, sample_rate_hz)


def raw_samples(content: bytes, encoding: Encoding, channel_count: int, field: str) -> FloatPcm:
    """Returns headerless bytes as mono samples at their own rate; also for the pieces of a stream.

    Raises:
        MediaUndecodable: Not whole samples of all channels.
    """
    width = channel_count * (2 if encoding is Encoding.LINEAR16 else 1)
    if len(content) % width:
        raise MediaUndecodable(field, f"{len(content)} bytes are not whole samples of {width} bytes")
    if encoding is Encoding.LINEAR16:
        values = np.frombuffer(content, "<i2")
    elif encoding is Encoding.MULAW:
        values = pcm.decode_mulaw(content)
    else:
        values = pcm.decode_alaw(content)
    return pcm.average_channels(pcm.to_float32(values).reshape(-1, channel_count))


def resample(samples: FloatPcm, source_rate_hz: int, target_rate_hz: int) -> FloatPcm:
    """Returns `samples` at another rate, at least one sample of them; length = rounded duration × rate."""
    if source_rate_hz == target_rate_hz or len(samples) == 0:
        return samples
    converted = np.asarray(soxr.resample(samples, source_rate_hz, target_rate_hz), np.float32)
    return converted if len(converted) else samples[:1]


class StreamingResampler:
    """Resamples a stream piece by piece; all output together equals that of `resample` on the whole."""

    def __init__(self, source_rate_hz: int, target_rate_hz: int) -> None:
        same = source_rate_hz == target_rate_hz
        self._stream = None if same else soxr.ResampleStream(source_rate_hz, target_rate_hz, 1, "float32")

    def push(self, samples: FloatPcm) -> FloatPcm:
        """Returns the output that is ready; the last milliseconds wait for the next piece."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples), np.float32)

    def finish(self) -> FloatPcm:
        """Returns what was held back; call it once, last."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)


class AudioWriter(Protocol):
    """Collects samples and hands out one encoded file; a context manager, so that an unfinished file is closed."""

    def __enter__(self) -> Self:
        """Returns itself."""

    def __exit__(self, *error: object) -> None:
        """Closes what is open."""

    @property
    def size_bytes(self) -> int:
        """Bytes written so far; compressed formats lag behind what was pushed."""

    def push(self, samples: FloatPcm) -> None:
        """Adds [samples] mono."""

    def finish(self) -> bytes:
        """Returns the whole file; call it once, last."""


class _RawWriter:
    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._data = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    def push(self, samples: FloatPcm) -> None:
        values = pcm.to_int16(samples)
        if self._encoding is Encoding.LINEAR16:
            self._data += values.astype("<i2").tobytes()
        elif self._encoding is Encoding.MULAW:
            self._data += pcm.encode_mulaw(values)
        else:
            self._data += pcm.encode_alaw(values)

    def finish(self) -> bytes:
        return bytes(self._data)


class _FileWriter:
    _FORMATS: Final = {
        Encoding.WAV: ("WAV", "PCM_16"),
        Encoding.FLAC: ("FLAC", "PCM_16"),
        Encoding.OGG_OPUS: ("OGG", "OPUS"),
    }

    def __init__(self, encoding: Encoding, sample_rate_hz: int) -> None:
        kind, subtype = self._FORMATS[encoding]
        self._data = io.BytesIO()
        self._file = soundfile.SoundFile(self._data, "w", sample_rate_hz, 1, subtype, format=kind)
        self._converts = subtype == "PCM_16"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # The library writes its header on closing, so the file must go before the bytes do.
        self._file.close()

    @property
    def size_bytes(self) -> int:
        return self._data.getbuffer().nbytes

    def push(self, samples: FloatPcm) -> None:
        self._file.write(pcm.to_int16(samples) if self._converts else np.clip(samples, -1.0, 1.0))

    def finish(self) -> bytes:
        self._file.close()
        return self._data.getvalue()


def open_writer(encoding: Encoding, sample_rate_hz: int) -> AudioWriter:
    """Opens a writer of mono sound.

    Raises:
        InvalidField: The encoding does not have that rate.
    """
    if encoding is Encoding.OGG_OPUS and sample_rate_hz not in OPUS_RATES_HZ:
        rates = ", ".join(map(str, OPUS_RATES_HZ))
        raise InvalidField("audio_format.sample_rate_hertz", f"OGG_OPUS has the rates {rates}", limit=rates)
    return _RawWriter(encoding) if encoding.is_raw else _FileWriter(encoding, sample_rate_hz)


def encode_audio(samples: FloatPcm, sample_rate_hz: int, encoding: Encoding) -> bytes:
    """Returns [samples] mono in the encoding; see `open_writer` for the error."""
    with open_writer(encoding, sample_rate_hz) as writer:
        writer.push(samples)
        return writer.finish()


def _check_size(size_bytes: int, field: str, limits: AudioLimits) -> None:
    if size_bytes == 0:
        raise MediaUndecodable(field, "holds no bytes")
    if size_bytes > limits.max_bytes:
        raise MediaTooLarge(field, f"{limits.max_bytes} bytes", f"{size_bytes} bytes")


def _too_long(field: str, limits: AudioLimits, duration_s: float) -> MediaTooLarge:
    return MediaTooLarge(field, f"{limits.max_duration_s:g} s", f"{duration_s:.1f} s")
