"""The audio of a stream on the motor clock: 16 kHz samples by index, levels by tick, exact duration, clipping."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.audio_source import FIELD, SourceFormat, open_source
from visage.animation.rhythm import QUIET_DB
from visage.animation.ticks import SAMPLE_RATE_HZ, TICK_SAMPLES
from visage.media import pcm
from visage.media.pcm import FloatPcm, IntPcm
from visage.runtime.audio import StreamingResampler
from visage.runtime.errors import MediaUndecodable, StreamTooLong

CLIPPED_SHARE: Final = 0.01
"""Above this share of clipped samples lip sync may suffer."""
_JUDGED_S: Final = 1.0


class SampleHistory:
    """Samples of a stream by index; what lies before its start or after its end reads as silence."""

    def __init__(self) -> None:
        """Starts empty."""
        self._first = 0
        self._samples = np.zeros(0, np.int16)
        self.end = 0

    def append(self, samples: IntPcm) -> None:
        """Adds the next samples."""
        self._samples = np.concatenate([self._samples, samples])
        self.end += len(samples)

    def read(self, start: int, stop: int) -> IntPcm:
        """[stop - start] samples."""
        window = np.zeros(stop - start, np.int16)
        low, high = max(start, self._first), min(stop, self.end)
        if low < high:
            window[low - start : high - start] = self._samples[low - self._first : high - self._first]
        return window

    def forget_before(self, index: int) -> None:
        """Frees what lies before `index`; it reads as silence from now on."""
        dropped = min(max(0, index - self._first), len(self._samples))
        self._samples = self._samples[dropped:]
        self._first += dropped


class AudioIntake:
    """Takes bytes in any pieces."""

    def __init__(self, source_format: SourceFormat, longest_s: float) -> None:
        """Starts an empty stream.

        Args:
            source_format: What the caller said about the bytes.
            longest_s: Longest stream in seconds.
        """
        self._source = open_source(source_format, longest_s)
        self._longest_s = longest_s
        self._resampler: StreamingResampler | None = None
        self._count = 0
        self._unjudged = np.zeros(0, np.float32)
        self._judged = 0
        self._clipped = 0.0
        self.clipped_at: Fraction | None = None
        self.history = SampleHistory()

    @property
    def sample_rate_hz(self) -> int:
        """Of the bytes; 0 until it is known."""
        return self._source.sample_rate_hz

    @property
    def duration(self) -> Fraction:
        """Seconds of audio taken so far, exactly."""
        return Fraction(self._count, self._source.sample_rate_hz or 1)

    def push(self, data: bytes) -> None:
        """Takes the next piece.

        Raises:
            MediaUndecodable: The bytes are not what was announced.
            StreamTooLong: The stream is over its limit.
        """
        self._take(self._source.push(data))

    async def finish(self) -> None:
        """Takes the end of the stream; raises MediaUndecodable if there was no sample or half a one is left."""
        self._take(await self._source.finish())
        if self._count == 0:
            raise MediaUndecodable(FIELD, "the stream holds no samples")
        if self._resampler is not None:
            self.history.append(pcm.to_int16(self._resampler.finish()))
        self._judge(self._unjudged)

    def levels_db(self, first_tick: int, count: int) -> NDArray[np.float32]:
        """[count] levels of the ticks from `first_tick` on; quiet where there is no audio."""
        samples = self.history.read(first_tick * TICK_SAMPLES, (first_tick + count) * TICK_SAMPLES)
        power = np.square(pcm.to_float32(samples).reshape(count, TICK_SAMPLES)).mean(axis=1)
        levels: NDArray[np.float32] = np.maximum(10 * np.log10(power + 1e-12), QUIET_DB).astype(np.float32)
        return levels

    def _take(self, samples: FloatPcm) -> None:
        if len(samples) == 0:
            return
        if self._resampler is None:
            self._resampler = StreamingResampler(self._source.sample_rate_hz, SAMPLE_RATE_HZ)
        self._count += len(samples)
        if self.duration > self._longest_s:
            raise StreamTooLong(f"{self._longest_s:g} s", f"more than {self._longest_s:g} s")
        self._unjudged = np.concatenate([self._unjudged, samples])
        step = round(_JUDGED_S * self._source.sample_rate_hz)
        while len(self._unjudged) >= step:
            self._judge(self._unjudged[:step])
            self._unjudged = self._unjudged[step:]
        self.history.append(pcm.to_int16(self._resampler.push(samples)))

    def _judge(self, samples: FloatPcm) -> None:
        """Counts clipped samples of a whole second, or of the rest at the end: not of pieces, which are arbitrary."""
        self._judged += len(samples)
        self._clipped += pcm.clipped_share(samples) * len(samples)
        if self.clipped_at is None and self._judged and self._clipped > CLIPPED_SHARE * self._judged:
            self.clipped_at = Fraction(self._judged, self._source.sample_rate_hz)
