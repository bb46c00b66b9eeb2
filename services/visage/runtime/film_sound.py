"""The first soundtrack of a film, laid on its pictures' clock; runs inside a confined child."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import av.error
import numpy as np

from visage.media.pcm import FloatPcm
from visage.runtime.film_streams import Undecodable, open_container, picture_stream, start_s

_FULL_SCALE: Final = 2.0**31
_JITTER_S: Final = 0.02
"""Times of packets are rounded; what differs by more is a gap or an overlap."""


def film_sound(content: bytes, max_duration_s: float) -> tuple[FloatPcm, int] | None:
    """Returns mono float32 samples from the first picture on and their rate in Hz, None where there is no sound.

    What comes after `max_duration_s` is left out: sound is often a little longer than its pictures.

    Raises:
        Undecodable: Not a film, or its sound cannot be read.
    """
    with open_container(content) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise Undecodable("its sound has a format that is not supported")
        pictures = picture_stream(container)
        origin_s = start_s(pictures) if pictures is not None else 0.0
        rate_hz = int(stream.codec_context.sample_rate)
        if rate_hz <= 0:
            raise Undecodable("its sound has no sample rate")
        pieces: list[FloatPcm] = []
        count, most = 0, round(max_duration_s * rate_hz)
        for at_s, samples in _pieces(container, stream, rate_hz):
            place = round((at_s - origin_s) * rate_hz)
            if abs(place - count) > _JITTER_S * rate_hz or not count:
                pieces.append(np.zeros(min(max(place - count, 0), most), np.float32))
                count += len(pieces[-1])
                samples = samples[max(count - place, 0) :]
            pieces.append(samples)
            count += len(samples)
            if count >= most:
                break
    return np.concatenate([np.zeros(0, np.float32), *pieces])[:most], rate_hz


def _pieces(container: Any, stream: Any, rate_hz: int) -> Iterator[tuple[float, FloatPcm]]:
    """Yields mono sound at one rate with the times of its first samples; damaged packets are left out."""
    # Mixed down as floats, two channels that are alike would come out 3 dB louder and clip; as integers they do not.
    mixer = av.AudioResampler(format="s32", layout="mono", rate=rate_hz)
    heard = False
    packets = iter(container.demux(stream))
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError) or not heard:
                raise Undecodable(f"its sound is damaged: {type(error).__name__}") from error
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            at_s = float(frame.pts * frame.time_base)
            for mixed in mixer.resample(frame):
                heard = True
                yield at_s, (mixed.to_ndarray()[0] / _FULL_SCALE).astype(np.float32)
                at_s += mixed.samples / rate_hz
