"""Films of faces, made by PyAV: any codec and container, any times, held any way, with or without sound."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
_TICKS = 60_000


def film(
    pictures: Sequence[Picture],
    times_s: Sequence[float] | None = None,
    rate: int = 25,
    container: str = "mp4",
    codec: str = "libx264",
    rotation: int = 0,
    sound: npt.NDArray[np.float32] | None = None,
    sound_codec: str = "aac",
    sound_start_s: float = 0.0,
) -> bytes:
    """A file of RGB pictures, shown at `times_s` or `rate`; sound at 48 kHz is
    mono [samples] or stereo [2, samples]. No pictures: sound alone."""
    data = io.BytesIO()
    with av.open(data, "w", format=container) as output:
        video = None
        if len(pictures):
            video = output.add_stream(codec, rate=rate, options={"g": "12"})
            video.height, video.width = pictures[0].shape[:2]
            video.pix_fmt = "yuv420p"
            video.time_base = video.codec_context.time_base = Fraction(1, _TICKS)
            if rotation:
                video.set_display_rotation(rotation)
        audio = None if sound is None else output.add_stream(sound_codec, rate=48_000, layout=_layout(sound))
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = round((index / rate if times_s is None else times_s[index]) * _TICKS)
            frame.time_base = Fraction(1, _TICKS)
            output.mux(video.encode(frame))
        if video is not None:
            output.mux(video.encode())
        if audio is not None:
            assert sound is not None
            _mux_sound(output, audio, sound, sound_start_s)
    return data.getvalue()


def _layout(sound: npt.NDArray[np.float32]) -> str:
    return "mono" if sound.ndim == 1 else "stereo"


def _mux_sound(
    output: av.container.OutputContainer, audio: av.AudioStream, sound: npt.NDArray[np.float32], start_s: float
) -> None:
    frame = av.AudioFrame.from_ndarray(np.atleast_2d(sound), format="fltp", layout=_layout(sound))
    frame.sample_rate = 48_000
    frame.time_base = Fraction(1, 48_000)
    frame.pts = round(start_s * 48_000)
    output.mux(audio.encode(frame))
    output.mux(audio.encode())


def talking_head(portrait: Picture, count: int, size: int = 256) -> list[Picture]:
    """The portrait's head, swaying: pictures of `size` pixels a side."""
    scale = size / portrait.shape[1]
    pictures = []
    for index in range(count):
        shift = 6 * np.sin(index / 5)
        matrix = np.array([[scale, 0, shift], [0, scale, 0]], np.float64)
        warped = cv2.warpAffine(portrait, matrix, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        pictures.append(np.asarray(warped, np.uint8))
    return pictures
