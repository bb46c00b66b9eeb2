"""WAV files as they arrive: header, then samples piece by piece.

Source of the layout: Microsoft "Multimedia Programming Interface and Data Specifications 1.0" (1991) and
"Multiple Channel Audio Data and WAVE Files" (2007).
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from visage.media.pcm import FloatPcm, average_channels
from visage.runtime.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from visage.runtime.errors import MediaUndecodable

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_LARGEST_HEADER_BYTES: Final = 65_536
# Writers that do not know the length yet leave one of these.
_OPEN_LENGTHS: Final = (0, 0xFFFFFFFF, 0x7FFFFFFF)
_FORMAT: Final = struct.Struct("<HHIIHH")
_CHUNK: Final = struct.Struct("<4sI")
_RIFF_BYTES: Final = 12


class WavStream:
    """Reads one WAV file from pieces of any size: integers of 8 to 32 bits or floats, one or two channels."""

    def __init__(self, field: str) -> None:
        """Takes the path of the request's field, for errors."""
        self._field = field
        self._pending = bytearray()
        self._code = 0
        self._channels = 0
        self._sample_bytes = 0
        self._left_bytes: int | None = None
        self._in_data = False
        self.sample_rate_hz = 0

    def push(self, data: bytes) -> FloatPcm:
        """Returns the samples that `data` completes: [samples], channels averaged.

        Raises:
            MediaUndecodable: Not a WAV file, or of a kind that is not supported.
        """
        self._pending += data
        if not self._in_data and not self._read_header():
            return np.zeros(0, np.float32)
        width = self._channels * self._sample_bytes
        size = len(self._pending) - len(self._pending) % width
        if self._left_bytes is not None:
            size = min(size, self._left_bytes - self._left_bytes % width)
            self._left_bytes -= size
        content = bytes(self._pending[:size])
        # What follows the samples (tags, cue points) is of no interest.
        is_over = self._left_bytes is not None and self._left_bytes < width
        self._pending = bytearray() if is_over else self._pending[size:]
        return average_channels(self._values(content).reshape(-1, self._channels))

    def finish(self) -> FloatPcm:
        """Returns nothing more; raises MediaUndecodable if the file ends inside its header or inside a sample."""
        if not self._in_data:
            raise MediaUndecodable(self._field, "the WAV file ends before its samples")
        if self._pending:
            raise MediaUndecodable(self._field, f"{len(self._pending)} odd bytes at the end are not a whole sample")
        return np.zeros(0, np.float32)

    def _read_header(self) -> bool:
        """Reads chunks up to the samples; returns whether it got there."""
        if len(self._pending) < _RIFF_BYTES:
            return False
        if self._pending[:4] != b"RIFF" or self._pending[8:12] != b"WAVE":
            raise MediaUndecodable(self._field, "not a WAV file")
        place = _RIFF_BYTES
        while len(self._pending) >= place + _CHUNK.size:
            name, size = _CHUNK.unpack_from(self._pending, place)
            body = place + _CHUNK.size
            if name == b"data":
                if not self._channels:
                    raise MediaUndecodable(self._field, "the WAV file has no format before its samples")
                self._left_bytes = None if size in _OPEN_LENGTHS else size
                del self._pending[:body]
                self._in_data = True
                return True
            place = body + size + size % 2
            if place > _LARGEST_HEADER_BYTES:
                raise MediaUndecodable(self._field, "the WAV file's header is too large")
            if name == b"fmt " and len(self._pending) >= place:
                self._read_format(bytes(self._pending[body : body + size]))
        return False

    def _read_format(self, body: bytes) -> None:
        if len(body) < _FORMAT.size:
            raise MediaUndecodable(self._field, "the WAV file's format is cut off")
        code, channels, rate_hz, _, width, bits = _FORMAT.unpack_from(body)
        if code == _EXTENSIBLE and len(body) >= 26:
            (code,) = struct.unpack_from("<H", body, 24)
        if not 1 <= channels <= 2:
            raise MediaUndecodable(self._field, f"{channels} channels, 1 or 2 are supported")
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise MediaUndecodable(self._field, f"{rate_hz} Hz, {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz are supported")
        allowed = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}.get(code, ())
        if bits not in allowed or width != channels * bits // 8:
            raise MediaUndecodable(self._field, f"WAV format {code} with {bits} bits is not supported")
        self._code, self._channels, self._sample_bytes = code, channels, bits // 8
        self.sample_rate_hz = rate_hz

    def _values(self, content: bytes) -> FloatPcm:
        """[samples * channels] in [-1, 1]."""
        if self._code == _FLOAT:
            values = np.frombuffer(content, f"<f{self._sample_bytes}").astype(np.float32)
            if not np.isfinite(values).all():
                raise MediaUndecodable(self._field, "a sample is not finite")
            return np.clip(values, -1, 1)
        if self._sample_bytes == 1:
            return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / np.float32(128)
        if self._sample_bytes == 3:
            triples = np.frombuffer(content, np.uint8).reshape(-1, 3)
            padded = np.zeros((len(triples), 4), np.uint8)
            padded[:, 1:] = triples
            integers = padded.view("<i4")[:, 0]
        else:
            integers = np.frombuffer(content, f"<i{self._sample_bytes}")
        full_scale = 2.0 ** (8 * max(self._sample_bytes, 2) - 1) if self._sample_bytes != 3 else 2.0**31
        return (integers / full_scale).astype(np.float32)
