"""What stages share: clocks, leads, sound that waits, text in pieces, curves in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visage.composition import stages
from visage.composition.chunks import Chunk, Chunker
from visage.composition.flow import Channel
from visage.composition.notices import ClampNotices
from visage.composition.soundtrack import Soundtrack
from visage.composition.speech_driver import pieces_of
from visage.composition.stages import Deadline, Lead, StageClock
from visage.composition.values import Part
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import CurveBlock

pytestmark = pytest.mark.unit


def test_work_side_by_side_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chunks rendered at the same time take as long as they take together; the pause after them is not counted."""
    now = [0.0]
    monkeypatch.setattr(stages.time, "perf_counter", lambda: now[0])
    clock = StageClock()
    with clock.busy("render"):
        now[0] = 2.0
        with clock.busy("render"):
            now[0] = 3.0
    now[0] = 10.0
    with clock.busy("encode"), clock.busy("render"):
        now[0] = 10.5

    assert clock.seconds == {"render": 3.5, "encode": 0.5}


async def test_a_lead_holds_back_until_pictures_catch_up() -> None:
    """Three seconds ahead wait; one picture more and it goes on."""
    lead = Lead()
    lead.receive(3.0)
    waiting = asyncio.create_task(lead.wait_below(3.0))
    await asyncio.sleep(0.01)
    was_waiting = not waiting.done()
    lead.deliver_up_to(0.04)
    await asyncio.wait_for(waiting, 1.0)

    assert was_waiting


async def test_quiet_is_the_end_of_a_burst() -> None:
    """While sound keeps coming there is no quiet."""
    lead = Lead()

    async def burst() -> None:
        for _ in range(5):
            lead.receive(0.2)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(burst())
    await lead.wait_for_quiet(0.2)

    assert task.done() and lead.received_s == pytest.approx(1.0)


def test_a_deadline_never_asks_for_no_time() -> None:
    """What has passed leaves a millisecond, since zero would mean no limit to some."""
    assert Deadline(-5).remaining_s() == 0.001
    assert Deadline(100).remaining_s(7.0) == 7.0


def test_sound_is_taken_up_to_a_sample() -> None:
    """Pieces of any length come out in order; the rest is padded to the pictures' length."""
    track = Soundtrack(16_000)
    track.add(np.arange(5, dtype=np.int16))
    track.add(np.arange(5, 8, dtype=np.int16))

    assert track.take(3).tolist() == [0, 1, 2] and track.take(3).tolist() == []
    assert track.take(6).tolist() == [3, 4, 5]
    assert track.take_rest(10).tolist() == [6, 7, 0, 0] and track.taken == 10


def test_sound_that_outlasts_the_pictures_is_kept() -> None:
    """Nothing spoken is cut off."""
    track = Soundtrack(16_000)
    track.add(np.ones(8, np.int16))

    assert len(track.take_rest(3)) == 8


def test_text_is_cut_where_a_clause_may_end() -> None:
    """Behind marks and the spaces after them; a mark within a number does not cut."""
    text = "Well, it's 3.5 m. Really?! \u201cYes.\u201d Go\non"

    assert pieces_of(text) == ["Well, ", "it's 3.5 m. ", "Really?! ", "\u201cYes.\u201d ", "Go\n", "on"]


def test_text_without_spaces_is_cut_at_its_own_marks() -> None:
    """Japanese full stops need no space."""
    assert pieces_of("はい。そうです、ね") == ["はい。", "そうです、", "ね"]


@given(st.text(max_size=200))
def test_no_character_is_lost(text: str) -> None:
    """The pieces of any text are the text."""
    assert "".join(pieces_of(text)) == text


async def _chunks(lengths: list[int]) -> tuple[list[Chunk], list[Part]]:
    async def blocks() -> AsyncIterator[CurveBlock]:
        start = 0
        for length in lengths:
            curves = np.zeros((length, CURVE_COUNT), np.float32)
            curves[:, 0] = np.arange(start, start + length) / 1000
            yield CurveBlock(start, curves)
            start += length

    notices: Channel[Part] = Channel(100)
    chunks = [chunk async for chunk in Chunker(Fraction(25), ClampNotices(notices)).chunks(blocks())]
    notices.close()
    return chunks, [notice async for notice in notices]


@pytest.mark.parametrize("lengths", [[1], [8], [3, 20, 1], [64], [7, 1, 1]])
async def test_chunks_hold_eight_frames_each(lengths: list[int]) -> None:
    """However blocks are cut, the frames are the same; the last chunk repeats its last frame."""
    chunks, notices = await _chunks(lengths)
    count = sum(lengths)
    shown = np.concatenate([chunk.curves[: chunk.frame_count, 0] for chunk in chunks])

    assert shown == pytest.approx(np.arange(count) / 1000) and not notices
    assert all(chunk.curves.shape == (8, CURVE_COUNT) and chunk.poses.shape == (8, 6) for chunk in chunks)
    assert (chunks[-1].curves[chunks[-1].frame_count - 1 :, 0] == np.float32((count - 1) / 1000)).all()


async def test_no_blocks_make_no_chunks() -> None:
    """An empty stream needs no rendering."""
    assert await _chunks([]) == ([], [])
