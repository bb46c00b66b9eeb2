"""Messages ↔ values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.media.curves import CurveBlock, CurveClip
from visage.runtime import wire
from visage.runtime.errors import InvalidField
from visage.v1 import curves_pb2, media_pb2

pytestmark = pytest.mark.unit


def block(start: int, frames: int) -> CurveBlock:
    rng = np.random.default_rng(frames)
    return CurveBlock(start, rng.random((frames, 52), np.float32), rng.random((frames, 6), np.float32) * 10)


@given(st.floats(min_value=0, max_value=1e6))
def test_durations_survive_the_wire(seconds: float) -> None:
    """A length of time comes back to the nanosecond."""
    assert wire.seconds_of(wire.duration_of(seconds)) == pytest.approx(seconds, abs=1e-9, rel=1e-12)


def test_frame_rates_stay_exact() -> None:
    """NTSC rates are ratios; an absent rate is 25."""
    rate = Fraction(30000, 1001)

    assert wire.frame_rate_of(wire.frame_rate_message(rate)) == rate
    assert wire.frame_rate_of(media_pb2.FrameRate()) == 25


def test_a_clip_survives_the_wire() -> None:
    """Curves come back exactly, poses to float precision although metres travel instead of millimetres."""
    made = block(0, 7)
    assert made.poses is not None
    clip = CurveClip(Fraction(24), made.curves, made.poses)

    back = wire.read_curve_clip(wire.curve_clip_message(clip, frames_per_block=3))

    assert np.array_equal(back.curves, clip.curves)
    assert np.allclose(back.poses, clip.poses, rtol=1e-6)
    assert back.frame_rate == 24


def test_channels_are_read_by_name() -> None:
    """Only the listed channels are sent, in any order; others stay at 0."""
    header = curves_pb2.CurveHeader(
        channels=["TongueOut", "JawOpen"], frame_rate=media_pb2.FrameRate(numerator=25, denominator=1)
    )
    message = curves_pb2.CurveBlock(start_frame=0, frame_count=2, values=[0.1, 0.2, 0.3, 0.4])

    read = wire.CurveReader.of(header).read(message)

    assert read.curves[:, 51].tolist() == pytest.approx([0.1, 0.3])
    assert read.curves[:, 17].tolist() == pytest.approx([0.2, 0.4])
    assert np.count_nonzero(read.curves) == 4
    assert read.poses is None


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (curves_pb2.CurveHeader(schema="curveSchemas/other"), "header.schema"),
        (curves_pb2.CurveHeader(), "header.channels"),
        (curves_pb2.CurveHeader(channels=["JawOpen", "jawopen"]), "header.channels[1]"),
    ],
)
def test_headers_that_no_face_has_are_refused(header: curves_pb2.CurveHeader, field: str) -> None:
    """Unknown schemas and channel names raise InvalidField with the field's path."""
    with pytest.raises(InvalidField) as caught:
        wire.CurveReader.of(header)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("values", "poses", "field"),
    [([0.0] * 51, 1, "block.values"), ([float("nan")] * 52, 1, "block.values"), ([0.0] * 52, 2, "block.head_poses")],
)
def test_blocks_that_do_not_fit_their_header_are_refused(values: list[float], poses: int, field: str) -> None:
    """Too few values, too many poses and NaN raise InvalidField with the field's path."""
    reader = wire.CurveReader.of(wire.curve_header_message(Fraction(25)))
    message = curves_pb2.CurveBlock(frame_count=1, values=values, head_poses=[curves_pb2.HeadPose()] * poses)

    with pytest.raises(InvalidField) as caught:
        reader.read(message)

    assert caught.value.field == field


def test_a_clip_with_a_gap_is_refused() -> None:
    """Blocks of a clip follow one another."""
    clip = curves_pb2.CurveClip(
        header=wire.curve_header_message(Fraction(25)),
        blocks=[wire.curve_block_message(block(0, 2)), wire.curve_block_message(block(3, 2))],
    )

    with pytest.raises(InvalidField, match="expected 2") as caught:
        wire.read_curve_clip(clip)

    assert caught.value.field == "clip.blocks[1].start_frame"


def spans(*phonemes: tuple[str, float, float]) -> curves_pb2.SpeechTiming:
    timing = curves_pb2.SpeechTiming()
    for ipa, start_s, end_s in phonemes:
        timing.phonemes.add(phoneme=ipa, start_offset=wire.duration_of(start_s), end_offset=wire.duration_of(end_s))
    return timing


def test_ipa_becomes_phone_classes() -> None:
    """A pause is silence, and joined sounds share their time."""
    phones = wire.phones_of(spans(("", 0, 0.1), ("m", 0.1, 0.2), ("əl", 0.2, 0.4)))

    assert [phone.phone for phone in phones] == ["sil", "m", "ax", "l"]
    assert phones[2].end_s == pytest.approx(0.3)
    assert {phone.stress for phone in phones} == {1.0}


def test_stress_marks_tell_vowels_apart() -> None:
    """With any mark, stressed vowels open further than neutral ones and others less."""
    phones = wire.phones_of(spans(("ˈɑ", 0, 0.1), ("b", 0.1, 0.2), ("ə", 0.2, 0.3), ("ˌi", 0.3, 0.4)))

    assert [phone.stress for phone in phones] == [1.08, 1.0, 0.92, 1.0]


@pytest.mark.parametrize(
    ("timing", "field"),
    [
        (spans(("a", 0, 0.2), ("b", 0.1, 0.3)), "timing.phonemes[1].start_offset"),
        (spans(("a", 0.2, 0.1)), "timing.phonemes[0].end_offset"),
    ],
)
def test_phonemes_out_of_order_are_refused(timing: curves_pb2.SpeechTiming, field: str) -> None:
    """Overlaps and ends before starts raise InvalidField with the field's path."""
    with pytest.raises(InvalidField) as caught:
        wire.phones_of(timing)

    assert caught.value.field == field
