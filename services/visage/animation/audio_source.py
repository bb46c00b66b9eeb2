"""Bytes of a stream → samples, whatever way the stream is cut: headerless PCM, WAV piece by piece, FLAC at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from visage.animation.ticks import SAMPLE_RATE_HZ
from visage.animation.wav_stream import WavStream
from visage.media.pcm import FloatPcm
from visage.runtime.audio import AudioLimits, Encoding, decode_audio, raw_samples
from visage.runtime.errors import MediaTooLarge, MediaUndecodable, StreamTooLong

FIELD: Final = "audio"
_SIGNATURE_BYTES: Final = 12
_FLAC_LIMIT_BYTES: Final = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """What the caller says about the bytes.

    Attributes:
        sample_rate_hz: 0 where a header tells.
        channel_count: 1 or 2; ignored where a header tells.
        has_header: The bytes start with the header of a WAV or FLAC file.
    """

    sample_rate_hz: int = 0
    channel_count: int = 1
    has_header: bool = True


class AudioSource(Protocol):
    """Reads samples from pieces of a stream."""

    @property
    def sample_rate_hz(self) -> int:
        """Of the samples; 0 until it is known."""

    def push(self, data: bytes) -> FloatPcm:
        """Returns the samples that `data` completes."""

    async def finish(self) -> FloatPcm:
        """Returns the samples that waited for the end of the stream."""


def open_source(source_format: SourceFormat, longest_s: float) -> AudioSource:
    """Returns the reader for what the caller announced.

    Args:
        source_format: As announced.
        longest_s: Longest stream in seconds.
    """
    return _FileSource(source_format, longest_s) if source_format.has_header else _RawSource(source_format)


class _RawSource:
    """Headerless LINEAR16."""

    def __init__(self, source_format: SourceFormat) -> None:
        self.sample_rate_hz = source_format.sample_rate_hz
        self._channels = source_format.channel_count
        self._start = b""
        self._is_checked = False
        self._rest = b""

    def push(self, data: bytes) -> FloatPcm:
        if not self._is_checked:
            self._start = (self._start + data)[:_SIGNATURE_BYTES]
            self._is_checked = len(self._start) == _SIGNATURE_BYTES
            is_wav = self._start[:4] == b"RIFF" and self._start[8:] == b"WAVE"
            if is_wav or self._start.startswith((b"fLaC", b"OggS", b"ID3")) or self._start[4:8] == b"ftyp":
                raise MediaUndecodable(FIELD, "the bytes start with a file's header, but LINEAR16 was announced")
        content = self._rest + data
        whole = len(content) - len(content) % (2 * self._channels)
        self._rest = content[whole:]
        return raw_samples(content[:whole], Encoding.LINEAR16, self._channels, FIELD)

    async def finish(self) -> FloatPcm:
        if self._rest:
            raise MediaUndecodable(FIELD, f"{len(self._rest)} odd bytes at the end are not a whole sample")
        return np.zeros(0, np.float32)


class _FileSource:
    """A file whose first bytes tell what it is."""

    def __init__(self, source_format: SourceFormat, longest_s: float) -> None:
        self._announced_rate_hz = source_format.sample_rate_hz
        self._longest_s = longest_s
        self._pending = bytearray()
        self._wav: WavStream | None = None
        self._is_flac = False

    @property
    def sample_rate_hz(self) -> int:
        if self._wav is not None:
            return self._wav.sample_rate_hz
        return SAMPLE_RATE_HZ if self._is_flac else 0

    def push(self, data: bytes) -> FloatPcm:
        if self._wav is not None:
            return self._read_wav(data)
        self._pending += data
        if not self._is_flac and len(self._pending) >= _SIGNATURE_BYTES:
            if self._pending[:4] == b"RIFF":
                self._wav = WavStream(FIELD)
                return self._read_wav(bytes(self._pending))
            self._is_flac = self._pending[:4] == b"fLaC"
            if not self._is_flac:
                raise MediaUndecodable(FIELD, "the bytes start with the header of neither a WAV nor a FLAC file")
        if len(self._pending) > _FLAC_LIMIT_BYTES:
            raise MediaTooLarge(FIELD, f"{_FLAC_LIMIT_BYTES} bytes", f"{len(self._pending)} bytes")
        return np.zeros(0, np.float32)

    async def finish(self) -> FloatPcm:
        if self._wav is not None:
            return self._wav.finish()
        if not self._pending:
            return np.zeros(0, np.float32)
        if not self._is_flac:
            raise MediaUndecodable(FIELD, "the bytes end before they tell a format")
        # Decoded in a confined child that needs the whole file.
        limits = AudioLimits(_FLAC_LIMIT_BYTES, self._longest_s)
        try:
            return await decode_audio(bytes(self._pending), FIELD, SAMPLE_RATE_HZ, limits)
        except MediaTooLarge as error:
            raise StreamTooLong(error.metadata["limit"], error.metadata["actual"]) from None

    def _read_wav(self, data: bytes) -> FloatPcm:
        assert self._wav is not None
        samples = self._wav.push(data)
        found_hz = self._wav.sample_rate_hz
        if found_hz and self._announced_rate_hz and found_hz != self._announced_rate_hz:
            raise MediaUndecodable(
                FIELD, f"the header says {found_hz} Hz, config.audio_format {self._announced_rate_hz} Hz"
            )
        return samples
