"""Recordings that no device would write: each becomes curves, or is refused by its rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.recordings import bvh, json_lines, live_link_csv, seconds_csv
from visage.animation.animate_from_mocap import AnimateFromMocap, MocapData, Piece
from visage.animation.mocap.whole import MocapAnimation
from visage.animation.stage import Output
from visage.media.curves import CurveBlock
from visage.runtime.errors import InvalidField, MediaTooLarge, MediaUndecodable, StreamTooLong

pytestmark = pytest.mark.fuzz

CASES = settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
REFUSALS = (InvalidField, MediaTooLarge, MediaUndecodable, StreamTooLong)

TRACK = np.linspace(0, 1, 12)
TRACKS = {"JawOpen": TRACK, "HeadYaw": TRACK, "LeftEyePitch": TRACK, "TongueUp": TRACK}
FILES = [
    live_link_csv(TRACKS).encode(),
    seconds_csv(TRACKS, np.arange(12) / 25, "Time").encode(),
    seconds_csv(TRACKS, np.arange(12) / 25, prefix="blendShapes.").encode(),
    json_lines(TRACKS, np.arange(12) / 25).encode(),
    json_lines(TRACKS, np.arange(12) / 25, nested=True).encode(),
    bvh([(turn, turn, turn) for turn in range(12)]).encode(),
]
ODD = st.sampled_from(
    [b"nan", b"inf", b"-1e308", b"1e39", b"", b",", b"\n", b"\r", b";", b'"', b"{", b"}", b"}\n{", b"0", b"99999999",
     b"-5", b"null", b"true", b"[]", b"00:00:00:00", b"23:59:59;29.999", b"Time", b"JawOpen", b"HeadPitch", b"\x00",
     b"\xff", b"\xef\xbb\xbf", b"CHANNELS", b"Frames: 3", b"ROOT x", b"0" * 400, b"1_0", "½".encode(), b"1,5"]
)  # fmt: skip


async def drain(data: bytes, piece: int, animation: MocapAnimation) -> int:
    async def pieces() -> AsyncIterator[Piece]:
        for start in range(0, len(data), piece):
            yield MocapData(data[start : start + piece])

    frames = 0
    async for answer in AnimateFromMocap(60.0)(animation, pieces()):
        if isinstance(answer, CurveBlock):
            assert answer.start_frame == frames
            frames = answer.end_frame
            assert answer.curves.min() >= 0
            assert answer.curves.max() <= 1
            assert answer.poses is not None
            assert np.isfinite(answer.poses).all()
    return frames


@CASES
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), ODD), max_size=6),
    st.sampled_from([1, 50, 4096]),
    st.booleans(),
    st.sampled_from([0.0, 0.5]),
)
def test_damaged_files_become_curves_or_are_refused(
    data: bytes, damages: list[tuple[float, int, bytes]], piece: int, is_live: bool, amount: float
) -> None:
    """Bytes cut out and put in anywhere."""
    for place, length, inserted in damages:
        start = int(place * len(data))
        data = data[:start] + inserted + data[start + length :]
    animation = MocapAnimation(
        output=Output(Fraction(25)), calibration_s=amount, smoothing=amount, is_live=is_live, adds_life=not is_live
    )
    try:
        frames = asyncio.run(drain(data, piece, animation))
    except REFUSALS as error:
        assert error.message
    else:
        assert 1 <= frames <= 60 * 25 + 1


@CASES
@given(
    st.lists(st.sampled_from(["Time", "JawOpen", "jawopen", "HeadYaw", "x", "", "Timecode"]), max_size=6),
    st.lists(
        st.lists(st.one_of(st.floats(width=32).map(str), st.sampled_from(["", "00:00:01:02", "x"])), max_size=7),
        max_size=8,
    ),
)
def test_tables_of_anything_become_curves_or_are_refused(names: list[str], rows: list[list[str]]) -> None:
    """Any columns, any cells."""
    data = "\n".join(",".join(row) for row in (names, *rows)).encode()
    try:
        frames = asyncio.run(drain(data, 4096, MocapAnimation(source_rate=Fraction(30))))
    except REFUSALS as error:
        assert error.message
    else:
        assert frames >= 1
