"""Fragmented MP4: what a player sees of the files that the writer makes, and how its bytes are cut."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from visage.composition.boxes import SegmentCutter, h264_codec, iter_boxes
from visage.composition.mp4 import SOUND_LEAD_S, Mp4Writer, aac_rate_hz
from visage.composition.pictures import Scaler, video_frame
from visage.composition.soundtrack import Soundtrack
from visage.composition.values import Mp4Delivery, Segment
from visage.media.frames import Picture, PixelLayout
from visage.media.timeline import Timeline

pytestmark = pytest.mark.unit

PAL = Fraction(25)
NTSC = Fraction(30000, 1001)


@dataclass
class Clip:
    """A written file: its segments, and after which frame each came out."""

    segments: list[Segment]
    came_after: list[int]
    mime_type: str

    @property
    def data(self) -> bytes:
        return b"".join(segment.data for segment in self.segments)

    def open(self, segment_count: int | None = None) -> av.container.InputContainer:
        return av.open(io.BytesIO(b"".join(segment.data for segment in self.segments[:segment_count])))


def picture(frame: Picture, size: tuple[int, int]) -> av.VideoFrame:
    """A frame as the writer takes it."""
    return Scaler(*size, PixelLayout.I420).scale(video_frame(frame))


def write(
    frame_count: int,
    frame_rate: Fraction = PAL,
    size: tuple[int, int] = (128, 128),
    samples: NDArray[np.int16] | None = None,
    sample_rate_hz: int = 16_000,
    delivery: Mp4Delivery | None = None,
    flash_at: int = -1,
) -> Clip:
    """Writes grey frames, one of them white, with sound that is there from the start."""
    writer = Mp4Writer(*size, frame_rate, delivery or Mp4Delivery(), None if samples is None else sample_rate_hz)
    timeline, track = Timeline(frame_rate), Soundtrack(sample_rate_hz)
    track.add(np.zeros(0, np.int16) if samples is None else samples)
    clip = Clip([], [], writer.header.mime_type)
    lead = int(SOUND_LEAD_S * sample_rate_hz)
    for index in range(frame_count):
        frame = np.full((64, 64, 3), 255 if index == flash_at else 60 + index % 40, np.uint8)
        parts = writer.add(picture(frame, size), track.take(timeline.sample_at(index + 1, sample_rate_hz) + lead))
        clip.segments += parts  # type: ignore[arg-type]
        clip.came_after += [index] * len(parts)
    rest = writer.finish(track.take_rest(timeline.sample_at(frame_count, sample_rate_hz)))
    clip.segments += rest  # type: ignore[arg-type]
    clip.came_after += [frame_count] * len(rest)
    writer.close()
    return clip


def hum(seconds: float, sample_rate_hz: int = 16_000) -> NDArray[np.int16]:
    time_s = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    return (np.sin(2 * np.pi * 220 * time_s) * 8000).astype(np.int16)


@pytest.mark.parametrize("frame_rate", [Fraction(10), Fraction(24), PAL, NTSC, Fraction(60)])
def test_frames_keep_their_times(frame_rate: Fraction) -> None:
    """Frame i is shown at i / rate, at every rate, and the file says how long it is."""
    clip = write(70, frame_rate, samples=hum(float(70 / frame_rate)))
    with clip.open() as file:
        stream = file.streams.video[0]
        times = [frame.pts * frame.time_base for frame in file.decode(stream)]
        duration_s, average = stream.duration * stream.time_base, stream.average_rate

    assert times == pytest.approx([float(index / frame_rate) for index in range(70)], abs=1e-4)
    assert float(duration_s) == pytest.approx(float(70 / frame_rate), abs=1e-3)
    assert float(average) == pytest.approx(float(frame_rate), rel=1e-3)


def test_each_fragment_starts_with_a_key_frame_and_holds_no_other() -> None:
    """Key frames stand where the fragments' times say, and nowhere else."""
    clip = write(100, samples=hum(4.0))
    with clip.open() as file:
        keys = [float(frame.pts * frame.time_base) for frame in file.decode(video=0) if frame.key_frame]

    assert keys == [0, 0.28, 0.52, 1, 1.52, 2, 2.52, 3, 3.52]
    assert keys == [float(segment.start_s) for segment in clip.segments[1:]]


def test_fragments_follow_each_other_without_gaps() -> None:
    """Start and duration of the segments add up to the whole; their numbers count."""
    media = write(100).segments[1:]

    assert [segment.number for segment in media] == list(range(1, 10))
    assert all(a.start_s + a.duration_s == b.start_s for a, b in pairwise(media))
    assert media[-1].start_s + media[-1].duration_s == 4


def test_a_fragment_is_out_as_soon_as_the_next_one_starts() -> None:
    """Neither encoder nor muxer holds frames back: with the first frame of a fragment the one before it is complete."""
    clip = write(60, samples=hum(2.4))

    assert clip.came_after == [7, 7, 13, 25, 38, 50, 60]


def test_the_first_fragment_needs_one_chunk_of_the_renderer() -> None:
    """Whatever the wanted length, the first fragment is complete with the eighth frame."""
    clip = write(20, Fraction(60), delivery=Mp4Delivery(fragment_duration_s=Fraction(2)))

    assert clip.came_after == [7, 7, 20]


def test_the_file_plays_after_every_fragment() -> None:
    """The init segment and the first n fragments are a file with all their frames."""
    clip = write(60, samples=hum(2.4))
    counts = []
    for count in range(2, len(clip.segments) + 1):
        with clip.open(count) as file:
            counts.append(len(list(file.decode(video=0))))

    assert counts == [7, 13, 25, 38, 50, 60]


def test_segments_are_what_the_standard_says() -> None:
    """ftyp and moov first, then moof and mdat; nothing else."""
    kinds = [[box.kind for box in iter_boxes(segment.data)] for segment in write(60).segments]

    assert kinds == [["ftyp", "moov"]] + [["moof", "mdat"]] * 6


@pytest.mark.parametrize("sample_rate_hz", [8000, 16_000, 22_050, 44_100, 48_000])
def test_picture_and_sound_are_on_one_clock(sample_rate_hz: int) -> None:
    """A click in the middle of a white frame is heard within half a frame of it, at every rate of sound."""
    samples = np.zeros(2 * sample_rate_hz, np.int16)
    click = round((30.5 / 25) * sample_rate_hz)
    samples[click : click + sample_rate_hz // 200] = 20_000
    clip = write(50, samples=samples, sample_rate_hz=sample_rate_hz, flash_at=30)
    with clip.open() as file:
        luma = {float(f.pts * f.time_base): float(f.to_ndarray(format="gray").mean()) for f in file.decode(video=0)}
    with clip.open() as file:
        decoded = [(float(f.pts * f.time_base), f.to_ndarray()[0]) for f in file.decode(audio=0)]
        rate_hz = file.streams.audio[0].rate
    loudest = max((float(np.abs(chunk).max()), at_s + int(np.abs(chunk).argmax()) / rate_hz) for at_s, chunk in decoded)

    assert max(luma, key=luma.__getitem__) == pytest.approx(30 / 25)
    assert loudest[1] == pytest.approx(30.5 / 25, abs=0.02)


def test_sound_that_ends_early_is_followed_by_silence() -> None:
    """Half a second of sound under two seconds of pictures."""
    with write(50, samples=hum(0.5)).open() as file:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        rate_hz = file.streams.audio[0].rate

    assert len(sound) / rate_hz == pytest.approx(2.0, abs=0.04)
    assert np.abs(sound[: rate_hz // 3]).max() > 0.2 > 0.01 > np.abs(sound[rate_hz:]).max()


def test_one_frame_is_a_film() -> None:
    """A single frame without sound."""
    clip = write(1)
    with clip.open() as file:
        assert len(list(file.decode(video=0))) == 1

    assert [segment.number for segment in clip.segments] == [0, 1]


def test_the_mime_type_names_what_is_inside() -> None:
    """High profile, AAC-LC where there is sound; the level is the one in the file's avcC."""
    clip = write(2, samples=hum(0.1))
    configuration = clip.data.index(b"avcC") + 4

    assert (
        clip.mime_type
        == f'video/mp4; codecs="avc1.{clip.data[configuration + 1 : configuration + 4].hex()}, mp4a.40.2"'
    )
    assert clip.mime_type.startswith('video/mp4; codecs="avc1.64')
    assert "mp4a" not in write(2).mime_type


def test_colours_survive() -> None:
    """The file says which matrix its YUV has, so that a decoder gives back the grey that went in."""
    with write(3).open() as file:
        frame = next(iter(file.decode(video=0)))
        grey = frame.to_ndarray(format="rgb24")

    assert frame.colorspace == 6 and frame.color_range == 1
    assert np.abs(grey.astype(int) - 60).max() <= 3


def test_a_bit_rate_is_kept() -> None:
    """300 kbit/s of noise that would take far more."""
    noise = np.random.default_rng(1).integers(0, 255, (8, 512, 512, 3), np.uint8)
    writer = Mp4Writer(256, 256, PAL, Mp4Delivery(bitrate_kbps=300), None)
    silence = np.zeros(0, np.int16)
    parts = [part for index in range(100) for part in writer.add(picture(noise[index % 8], (256, 256)), silence)]
    parts += writer.finish(silence)
    writer.close()
    bits = sum(len(part.data) for part in parts) * 8

    assert bits / 4 < 400_000


@pytest.mark.parametrize("frame_count", [0, 1, 20])
def test_an_abandoned_writer_lets_go(frame_count: int) -> None:
    """Closing before the end raises nothing, however far it got."""
    writer = Mp4Writer(128, 128, PAL, Mp4Delivery(), 16_000)
    for _ in range(frame_count):
        writer.add(picture(np.zeros((128, 128, 3), np.uint8), (128, 128)), hum(0.04))

    writer.close()
    writer.close()


def test_aac_takes_the_rate_that_divides() -> None:
    """22.05 kHz goes to 44.1 kHz, speech rates to 48 kHz."""
    assert [aac_rate_hz(rate) for rate in (22_050, 44_100, 16_000, 24_000, 48_000)] == [
        44_100, 44_100, 48_000, 48_000, 48_000,
    ]  # fmt: skip


def box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def test_segments_are_cut_wherever_the_bytes_are_split() -> None:
    """Fed byte by byte, the cutter finds the same segments, among them a box with a 64-bit size."""
    large = (1).to_bytes(4, "big") + b"mdat" + (16 + 5).to_bytes(8, "big") + b"large"
    init, first = box(b"ftyp", b"a") + box(b"moov", b"bb"), box(b"moof", b"c") + box(b"mdat", b"dd")
    second = box(b"styp", b"") + box(b"moof", b"e") + large
    cutter, found = SegmentCutter(), []
    for byte in init + first + second + b"\0\0":
        cutter.feed(bytes([byte]))
        found += cutter.cut()

    assert found == [init, first, second]
    assert cutter.pending_bytes == 2


def test_a_box_smaller_than_its_header_is_an_error() -> None:
    """Its size would never let the reader go on."""
    with pytest.raises(ValueError, match="claims 4 bytes"):
        list(iter_boxes((4).to_bytes(4, "big") + b"free"))


def test_codec_names_need_a_parameter_set() -> None:
    """Bytes without one are refused; with one, profile, constraints and level are named."""
    assert h264_codec(b"\x00\x00\x00\x01\x67\x64\x00\x1f\xac") == "avc1.64001f"

    with pytest.raises(ValueError, match="no sequence parameter set"):
        h264_codec(b"\x00\x00\x00\x01\x68\xee")
