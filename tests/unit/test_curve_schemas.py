"""Layouts: the tongue and the visemes of what is said, and visemes as drivers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from visage.animation.mouths import shape, shares
from visage.animation.phone_track import PhoneTrack
from visage.animation.projection import Projection
from visage.animation.viseme_timing import timed_phones
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.curve_schemas import SCHEMAS, TONGUE_SCHEMA, VISEME_SCHEMA
from visage.media.curves import CurveBlock
from visage.media.phones import PHONE_CLASSES, PHONE_COUNT, PHONE_INDEX, SILENCE, TimedPhone
from visage.media.tongue import TONGUE_INDEX, TONGUE_NAMES, TONGUE_OF_PHONE, tongue_of
from visage.media.viseme_curves import VISEME_CURVES, curves_of_visemes, visemes_of_curves, visemes_of_phones
from visage.media.visemes import VISEME_INDEX, VISEMES
from visage.runtime import wire
from visage.runtime.errors import InvalidField
from visage.v1 import curves_pb2

pytestmark = pytest.mark.unit

JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]


def said(*phones: str) -> np.ndarray:
    """[phones, 43] one phone class a row."""
    rows = np.zeros((len(phones), PHONE_COUNT), np.float32)
    rows[np.arange(len(phones)), [PHONE_INDEX[phone] for phone in phones]] = 1
    return rows


def test_the_longer_layout_begins_with_the_shorter() -> None:
    """arkit-68 is arkit-52 and 16 more; no name stands twice."""
    names = SCHEMAS[TONGUE_SCHEMA].channels

    assert names[:52] == CURVE_NAMES
    assert names[52:] == TONGUE_NAMES
    assert len(set(names)) == 68


@pytest.mark.parametrize(
    ("phone", "shape_name"),
    [("t", "TongueTipUp"), ("l", "TongueTipUp"), ("k", "TongueUp"), ("th", "TongueStretch"), ("r", "TongueRollUp"),
     ("s", "TongueWide"), ("aa", "TongueDown")],
)  # fmt: skip
def test_the_tongue_goes_where_the_phone_is_made(phone: str, shape_name: str) -> None:
    """Each phone's leading shape is well above its level in an m, which needs no tongue."""
    spoken, hummed = tongue_of(said(phone, "m"))[:, TONGUE_INDEX[shape_name]]

    assert spoken > 0.3
    assert hummed == 0


def test_every_sound_made_with_the_tongue_moves_it() -> None:
    """Only silence, lips and breath leave it alone; speech moves it nowhere sideways."""
    still = {phone for phone, row in zip(PHONE_CLASSES, TONGUE_OF_PHONE, strict=True) if not row.any()}
    sideways = [index for name, index in TONGUE_INDEX.items() if name.endswith(("Left", "Right"))]

    assert still == {SILENCE, "p", "b", "m", "f", "v", "hh"}
    assert not TONGUE_OF_PHONE[:, sideways].any()


def test_phones_are_their_visemes() -> None:
    """A phone has the weight 1 in its viseme; what is unknown is silence."""
    rows = np.concatenate([said("b", "sh", "uw"), np.zeros((1, PHONE_COUNT), np.float32)])
    weights = visemes_of_phones(rows)

    assert [VISEMES[index] for index in weights.argmax(axis=1)] == ["pp", "ch", "ou", "sil"]
    assert np.allclose(weights.sum(axis=1), 1)


def test_visemes_are_found_again_in_their_curves() -> None:
    """The mouth of each viseme is explained by weights that make that mouth, most by their own."""
    weights = visemes_of_curves(VISEME_CURVES)

    assert np.allclose(weights.sum(axis=1), 1, atol=1e-4)
    assert np.abs(weights @ VISEME_CURVES - VISEME_CURVES).max() < 0.06
    lone = [index for index, name in enumerate(VISEMES) if name not in ("dd", "kk", "nn", "e")]
    assert (weights[lone, lone] > 0.75).all()


def test_lips_of_a_spoken_p_meet() -> None:
    """`pp` alone closes the lips over the jaw; half a `pp` in an `aa` does not."""
    weights = np.zeros((2, 15), np.float32)
    weights[0, VISEME_INDEX["pp"]] = 1
    weights[1, [VISEME_INDEX["pp"], VISEME_INDEX["aa"]]] = 0.5
    curves = curves_of_visemes(weights)

    assert curves[0, CLOSE] >= curves[0, JAW] > 0
    assert curves[1, CLOSE] < 0.5 * curves[1, JAW]


def test_blocks_follow_the_phones_they_carry() -> None:
    """With phones the tongue and the visemes are theirs; without, the tongue rests and curves decide."""
    curves = np.repeat(VISEME_CURVES[VISEME_INDEX["aa"]][None], 2, axis=0)
    heard = CurveBlock(0, curves, None, said("t", "l"))
    unheard = CurveBlock(0, curves)

    assert (Projection(TONGUE_SCHEMA).values(heard)[:, 52 + TONGUE_INDEX["TongueTipUp"]] > 0.8).all()
    assert not Projection(TONGUE_SCHEMA).values(unheard)[:, 52:].any()
    assert Projection(VISEME_SCHEMA).values(heard).argmax(axis=1).tolist() == [4, 8]
    assert Projection(VISEME_SCHEMA).values(unheard).argmax(axis=1).tolist() == [10, 10]


@pytest.mark.parametrize("rate", [Fraction(10), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_phones_of_frames_do_not_depend_on_the_cut(rate: Fraction) -> None:
    """Ticks in one piece or in three, frames one by one or all at once: the same shares."""
    phones = [TimedPhone("t", 0.0, 0.31), TimedPhone("aa", 0.31, 0.7), TimedPhone("n", 0.7, 6.0)]
    ticks = shares(phones, 0, 300)
    whole, cut = PhoneTrack(rate), PhoneTrack(rate)
    whole.push(ticks)
    count = int(5 * rate)
    together = whole.frames(0, count)
    singles = []
    for start in range(0, 300, 50):
        cut.push(ticks[start : start + 50])
        known = int(Fraction(start + 50, 50) * rate)
        singles += [cut.frames(frame, 1) for frame in range(len(singles), min(known, count))]

    assert together is not None
    assert np.array_equal(np.concatenate([row for row in singles if row is not None]), together)
    assert np.allclose(together.sum(axis=1), 1, atol=1e-5)


def test_a_stream_without_phones_has_none() -> None:
    """Once they are unknown they stay so."""
    track = PhoneTrack(Fraction(25))
    track.push(None)
    track.push(said("t"))

    assert track.frames(0, 1) is None


def test_shapes_carry_what_is_said() -> None:
    """Of timed phones, by the share of each tick; a part keeps its own."""
    shapes = shape([TimedPhone("s", 0.0, 0.05), TimedPhone("iy", 0.05, 0.2)], 0, 10, 1.0)

    assert shapes.phones is not None
    assert shapes.phones[2, [PHONE_INDEX["s"], PHONE_INDEX["iy"]]] == pytest.approx([0.5, 0.5])
    part = shapes.part(2, 5)
    assert part.phones is not None
    assert np.array_equal(part.phones, shapes.phones[2:5])


def timing(*visemes: tuple[str, float, float]) -> curves_pb2.SpeechTiming:
    spans = [
        curves_pb2.VisemeSpan(viseme=name, start_offset=wire.duration_of(start), end_offset=wire.duration_of(end))
        for name, start, end in visemes
    ]
    return curves_pb2.SpeechTiming(visemes=spans)


def test_visemes_are_spoken_as_phones_that_look_like_them() -> None:
    """All fifteen, whatever their case; and each is seen as itself again."""
    spans = [
        (name.upper() if index % 2 else name, index * 0.1, index * 0.1 + 0.1) for index, name in enumerate(VISEMES)
    ]
    phones = timed_phones(timing(*spans))
    seen = visemes_of_phones(said(*(phone.phone for phone in phones)))

    assert seen.argmax(axis=1).tolist() == list(range(15))


def test_phonemes_come_before_visemes() -> None:
    """Where both are told, phonemes say more."""
    both = timing(("aa", 0, 1))
    both.phonemes.add(phoneme="m", start_offset=wire.duration_of(0), end_offset=wire.duration_of(1))

    assert [phone.phone for phone in timed_phones(both)] == ["m"]


@pytest.mark.parametrize(
    ("spans", "field"),
    [
        ([("zz", 0, 1)], "timing.visemes[0].viseme"),
        ([("aa", 0, 1), ("pp", 0.5, 2)], "timing.visemes[1].start_offset"),
        ([("aa", 1, 0.5)], "timing.visemes[0].end_offset"),
    ],
)
def test_visemes_that_cannot_be_are_refused(spans: list[tuple[str, float, float]], field: str) -> None:
    """Unknown names, overlap and wrong order name the span."""
    with pytest.raises(InvalidField) as caught:
        timed_phones(timing(*spans))

    assert caught.value.field == field


def test_pictures_take_the_longer_layout_and_leave_the_tongue_out() -> None:
    """A header of arkit-68 reads as 52 curves; visemes are no face."""
    header = Projection(TONGUE_SCHEMA).header_message(Fraction(25))
    block = CurveBlock(0, np.full((2, 52), 0.25, np.float32), None, said("t", "l"))
    read = wire.CurveReader.of(header).read(Projection(TONGUE_SCHEMA).block_message(block))

    assert np.array_equal(read.curves, block.curves)
    with pytest.raises(InvalidField, match="no whole face"):
        wire.CurveReader.of(Projection(VISEME_SCHEMA).header_message(Fraction(25)))
