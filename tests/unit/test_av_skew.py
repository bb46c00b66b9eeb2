"""How far sound and pictures of what leaves are apart: read back from the bytes, and exported."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.fakes.meters import metered
from visage.composition.deliveries import RawWriter
from visage.composition.fragment_times import FragmentTimes
from visage.composition.measures import StreamMeters
from visage.composition.mp4 import SOUND_LEAD_S, Mp4Writer
from visage.composition.pictures import Scaler, video_frame
from visage.composition.soundtrack import Soundtrack
from visage.composition.values import Delivered, Mp4Delivery, RawDelivery, RawFrame, Segment
from visage.media.frames import PixelLayout
from visage.media.timeline import Timeline

pytestmark = pytest.mark.unit

PAL = Fraction(25)
NTSC = Fraction(30000, 1001)
GREY = Scaler(64, 64, PixelLayout.I420).scale(video_frame(np.full((64, 64, 3), 60, np.uint8)))
AAC_FRAME_S = 1024 / 44_100


def film(frame_count: int, frame_rate: Fraction, rate_hz: int, sound_s: float | None) -> list[Delivered]:
    """Writes grey frames with sound that is given in time, but only for `sound_s` seconds."""
    writer = Mp4Writer(64, 64, frame_rate, Mp4Delivery(), None if sound_s is None else rate_hz)
    timeline, track = Timeline(frame_rate), Soundtrack(rate_hz)
    track.add(np.zeros(round((sound_s or 0) * rate_hz), np.int16))
    lead = int(SOUND_LEAD_S * rate_hz)
    parts: list[Delivered] = []
    for index in range(frame_count):
        parts += writer.add(GREY, track.take(timeline.sample_at(index + 1, rate_hz) + lead))
    parts += writer.finish(track.take(track.received))
    writer.close()
    return parts


def ends_s(data: bytes) -> tuple[float, float]:
    """Where a demuxer sees the last packet of sound and of pictures end."""
    with av.open(io.BytesIO(data)) as file:
        packets = [packet for packet in file.demux() if packet.pts is not None]
        ends = [
            max(float((p.pts + p.duration) * p.time_base) for p in packets if p.stream.type == kind)
            for kind in ("audio", "video")
        ]
    return ends[0], ends[1]


@pytest.mark.parametrize(
    ("frame_rate", "rate_hz"), [(PAL, 16_000), (NTSC, 22_050), (Fraction(10), 24_000), (Fraction(60), 48_000)]
)
def test_skews_are_those_that_a_demuxer_sees(frame_rate: Fraction, rate_hz: int) -> None:
    """After each fragment the sound outlasts the pictures by what the file so far says, less than an AAC frame."""
    parts = film(60, frame_rate, rate_hz, float(60 / frame_rate))
    data = b""
    seen, read = [], []
    for part in parts:
        assert isinstance(part, Segment)
        data += part.data
        if part.number:
            sound_s, pictures_s = ends_s(data)
            seen.append(sound_s - pictures_s)
            read.append(float(part.skew_s or 0))

    assert read == pytest.approx(seen, abs=1e-4)
    assert len(read) >= 3 and all(-1e-5 <= skew_s < AAC_FRAME_S for skew_s in read)


def test_pictures_without_their_sound_have_a_negative_skew() -> None:
    """A second of sound under two seconds of pictures falls a second short in the end."""
    last = film(50, PAL, 16_000, 1.0)[-1]
    assert isinstance(last, Segment) and last.skew_s is not None

    assert float(last.skew_s) == pytest.approx(-1.0, abs=AAC_FRAME_S)


def test_mute_films_have_no_skew() -> None:
    """Nothing is reported where there is no sound to be off."""
    assert {part.skew_s for part in film(50, PAL, 16_000, None) if isinstance(part, Segment)} == {None}


def test_fragments_that_say_less_are_read_too() -> None:
    """Other muxers write 64-bit times, leave a sample's duration to the fragment, and have no edit list."""

    def box(kind: bytes, *words: int, body: bytes = b"") -> bytes:
        content = b"".join(word.to_bytes(4, "big") for word in words) + body
        return (8 + len(content)).to_bytes(4, "big") + kind + content

    def trak(track_id: int, timescale: int, handler: bytes) -> bytes:
        header = box(b"tkhd", 1 << 24, 0, 0, 0, 0, track_id, 0)
        media = box(b"mdhd", 1 << 24, 0, 0, 0, 0, timescale, 0, 0) + box(b"hdlr", 0, 0, body=handler)
        return box(b"trak", body=header + box(b"mdia", body=media))

    def traf(track_id: int, start: int, count: int, flags: int = 0, *defaults: int) -> bytes:
        decode = box(b"tfdt", 1 << 24, body=start.to_bytes(8, "big"))
        return box(b"traf", body=box(b"tfhd", flags, track_id, *defaults) + decode + box(b"trun", 0x200, count))

    defaults = box(b"trex", 0, 1, 1, 40, 0, 0) + box(b"trex", 0, 2, 1, 0, 0, 0)
    moov = box(b"moov", body=trak(1, 1000, b"vide") + trak(2, 16_000, b"soun") + box(b"mvex", body=defaults))
    moof = box(b"moof", body=traf(1, 2**32, 25) + traf(2, 16 * 2**32, 10, 0x8 | 0x2 | 0x1, 0, 0, 7, 1024))
    times = FragmentTimes()

    assert times.read(moov) is None
    assert times.read(moof) == Fraction(10 * 1024, 16_000) - 1


def test_raw_frames_are_measured_by_what_came_before_them() -> None:
    """Sound that keeps up is ahead by less than a sample; sound that is missing shows."""
    timeline, track = Timeline(NTSC), Soundtrack(16_000)
    track.add(np.zeros(16_000, np.int16))
    writer = RawWriter(64, 64, NTSC, RawDelivery(), 16_000)
    parts = [part for i in range(60) for part in writer.add(GREY, track.take(timeline.sample_at(i + 1, 16_000)))]
    skews = [part.skew_s for part in parts if isinstance(part, RawFrame) and part.skew_s is not None]

    assert len(skews) == 60
    assert all(0 <= skew_s < Fraction(1, 16_000) for skew_s in skews[:29])
    assert skews[-1] == 1 - timeline.start_of(60)


def test_a_skew_is_exported_once_its_part_is_taken() -> None:
    """What is ready counts nothing; what is taken counts its distance, by which of the two is ahead."""
    series = "visage_composition_av_skew_seconds"
    with metered() as meters:
        meter = StreamMeters().watch()
        for skew_s in (Fraction(1, 100), Fraction(-1, 2), None):
            frame = RawFrame(0, Fraction(0), b"", skew_s)
            meter.ready(frame)
            if skew_s != Fraction(-1, 2):
                meter.taken(frame)
        counted = meters.value(f"{series}_count")
        meter.taken(RawFrame(1, Fraction(0), b"", Fraction(-1, 2)))

        assert counted == 1
        assert meters.value(f"{series}_bucket", ahead="sound", le="0.01") == 1
        assert meters.value(f"{series}_bucket", ahead="pictures", le="0.2") == 0
        assert meters.value(f"{series}_sum", ahead="pictures") == 0.5
