"""Frames and sound to fragmented MP4: H.264 High, AAC-LC, one segment per fragment. CPU work, for a thread."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType

from visage.composition.boxes import AAC_LC_CODEC, SegmentCutter, h264_codec
from visage.composition.fragment_times import FragmentTimes
from visage.composition.values import Delivered, Header, Mp4Delivery, Pcm, Segment
from visage.media.frames import PixelLayout
from visage.media.portrait import FRAMES_PER_ITEM
from visage.media.timeline import Timeline

PRESET: Final = "superfast"
"""Of talking heads at 512 x 512, on one core: superfast takes 1.5 ms a frame at crf 24, veryfast 2.4 ms at crf 23, for
the same bits and the same 44.6 dB."""
CONSTANT_QUALITY: Final = 24
"""x264's crf: about 620 kbit/s for a talking head of 512 x 512 with a key frame every 500 ms."""
AAC_BITRATE: Final = 64_000
FIRST_FRAGMENT_FRAMES: Final = FRAMES_PER_ITEM - 1
"""Most frames of the first fragment: with the key frame behind it, one chunk of the renderer makes it complete."""
SOUND_LEAD_S: Final = Fraction(1, 10)
"""Sound given ahead of its frame. The muxer holds a key frame back until it has sound behind it, and the encoder keeps
two AAC frames of 23 ms: less than this delays each fragment by frames."""

_BT601: Final = 6
_LIMITED_RANGE: Final = 1
# The moov waits for the first packets, since they tell the encoder's delay, which the edit list takes off the sound.
_MUXER: Final = {
    "movflags": "+frag_keyframe+delay_moov+default_base_moof+skip_trailer",
    "flush_packets": "1",
    "fflags": "+bitexact",
}


def aac_rate_hz(sample_rate_hz: int) -> int:
    """Returns the rate to encode sound of `sample_rate_hz` at: 44.1 kHz where that is a multiple, else 48 kHz."""
    return 44_100 if 44_100 % sample_rate_hz == 0 else 48_000


class Mp4Writer:
    """One file that grows; used by one thread at a time.

    Attributes:
        header: What the stream carries.
    """

    def __init__(
        self, width: int, height: int, frame_rate: Fraction, delivery: Mp4Delivery, sample_rate_hz: int | None
    ) -> None:
        """Opens the encoders; sound of `sample_rate_hz` follows unless that is None."""
        self._timeline = Timeline(frame_rate)
        self._fragment_duration_s = delivery.fragment_duration_s
        self._sink = _Sink()
        self._container: OutputContainer = av.open(self._sink, "w", format="mp4", container_options=_MUXER)
        self._video = self._container.add_stream(
            "libx264", rate=frame_rate, options=_encoder_options(delivery.bitrate_kbps)
        )
        self._video.width, self._video.height, self._video.pix_fmt = width, height, PixelLayout.I420.value
        context = self._video.codec_context
        context.thread_count = 1
        context.time_base = self._video.time_base = 1 / frame_rate
        context.color_range = _LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        context.open()
        codecs = [h264_codec(context.extradata or b"")]
        self._sound: _SoundEncoder | None = None
        if sample_rate_hz is not None:
            self._sound = _SoundEncoder(self._container, sample_rate_hz)
            codecs.append(AAC_LC_CODEC)
        self.header = Header(width, height, frame_rate, f'video/mp4; codecs="{", ".join(codecs)}"')
        self._frame_count = 0
        self._fragment_starts: list[int] = []
        self._segment_count = 0
        self._times = FragmentTimes()

    def add(self, picture: av.VideoFrame, sound: Pcm) -> list[Delivered]:
        """Encodes the next picture, in I420 of the file's size, and more sound; returns the segments that got ready."""
        index = self._frame_count
        # The stream's own time base changes once the muxer has written its header.
        picture.pts, picture.time_base = index, 1 / self._timeline.frame_rate
        is_key = index == FIRST_FRAGMENT_FRAMES or self._timeline.starts_fragment(index, self._fragment_duration_s)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        if is_key:
            self._fragment_starts.append(index)
        self._frame_count += 1
        if self._sound is not None:
            self._sound.add(sound)
        self._mux_video(picture)
        return self._segments()

    def finish(self, sound: Pcm) -> list[Delivered]:
        """Encodes the last of the sound and returns the last segments; nothing may follow."""
        if self._sound is not None:
            self._sound.add(sound)
            self._sound.finish()
        self._mux_video(None)
        self._container.close()
        return self._segments()

    def close(self) -> None:
        """Frees the encoders, also in the middle of a stream."""
        self._sink.is_open = False
        self._container.close()

    def _mux_video(self, picture: av.VideoFrame | None) -> None:
        for packet in self._video.encode(picture):
            packet.duration = 1
            self._container.mux(packet)

    def _segments(self) -> list[Delivered]:
        return [self._timed(data) for data in self._sink.cutter.cut()]

    def _timed(self, data: bytes) -> Segment:
        number = self._segment_count
        self._segment_count += 1
        skew_s = self._times.read(data)
        if number == 0:
            return Segment(0, Fraction(0), Fraction(0), data)
        bounds = [*self._fragment_starts, self._frame_count][number - 1 : number + 1]
        start_s, end_s = (self._timeline.start_of(frame) for frame in bounds)
        return Segment(number, start_s, end_s - start_s, data, skew_s)


class _Sink:
    """What the muxer writes to; a closed one swallows the rest of an abandoned file."""

    def __init__(self) -> None:
        self.cutter = SegmentCutter()
        self.is_open = True

    def write(self, data: bytes) -> int:
        if self.is_open:
            self.cutter.feed(data)
        return len(data)


class _SoundEncoder:
    """Int16 sound of any rate to AAC in a container."""

    def __init__(self, container: OutputContainer, sample_rate_hz: int) -> None:
        self._container = container
        self._sample_rate_hz = sample_rate_hz
        rate_hz = aac_rate_hz(sample_rate_hz)
        # The other coder takes three times as long for a signal-to-noise ratio of speech that is 12 dB lower.
        self._stream = container.add_stream("aac", rate=rate_hz, layout="mono", options={"aac_coder": "fast"})
        self._stream.bit_rate = AAC_BITRATE
        context = self._stream.codec_context
        context.open()
        self._resampler = av.AudioResampler("fltp", "mono", rate_hz, frame_size=context.frame_size)
        self._sample_count = 0

    def add(self, samples: Pcm) -> None:
        if len(samples) == 0:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="s16", layout="mono")
        frame.sample_rate = self._sample_rate_hz
        frame.pts, frame.time_base = self._sample_count, Fraction(1, self._sample_rate_hz)
        self._sample_count += len(samples)
        self._mux(self._resampler.resample(frame))

    def finish(self) -> None:
        if self._sample_count:
            self._mux(self._resampler.resample(None))
        self._container.mux(self._stream.encode(None))

    def _mux(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))


def _encoder_options(bitrate_kbps: int) -> dict[str, str]:
    """x264 without delay: no B frames, no look-ahead; key frames only where they are asked for."""
    options = {
        "preset": PRESET,
        "tune": "zerolatency",
        "profile": "high",
        "forced-idr": "1",
        "x264-params": "keyint=infinite:scenecut=0",
    }
    if not bitrate_kbps:
        return options | {"crf": str(CONSTANT_QUALITY)}
    bits = str(bitrate_kbps * 1000)
    # A buffer of half a second keeps each fragment near its share.
    return options | {"b": bits, "maxrate": bits, "bufsize": str(bitrate_kbps * 500)}
