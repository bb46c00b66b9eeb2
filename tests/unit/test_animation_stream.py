"""The verbs over whole streams, with a network that hears hums and buzzes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from tests.fakes.lip_sync import FakeLipSync, sound, speech_like
from tests.fakes.speech import LETTER_S, FakeSpeech
from visage.animation.animate_from_audio import (
    AnimateFromAudio,
    AudioAnimation,
    AudioPiece,
    ControlsPiece,
    Limits,
    Piece,
    TimingPiece,
)
from visage.animation.animate_from_text import AnimateFromText
from visage.animation.audio_source import SourceFormat
from visage.animation.controls import Controls
from visage.animation.ports import Utterance
from visage.animation.stage import Notice, NoticeKind, Output
from visage.media.arkit import CURVE_INDEX
from visage.media.curves import CurveBlock, CurveClip
from visage.media.pcm import to_int16
from visage.media.phones import TimedPhone
from visage.runtime.errors import InvalidField, MediaUndecodable, ModelUnavailable, StreamTooLong

pytestmark = pytest.mark.unit

JAW, CLOSE = CURVE_INDEX["JawOpen"], CURVE_INDEX["MouthClose"]
RAW = SourceFormat(16_000, has_header=False)


def pcm(samples: np.ndarray) -> bytes:
    return to_int16(samples).tobytes()


async def in_pieces(data: bytes, size: int, *others: tuple[int, Piece]) -> AsyncIterator[Piece]:
    """Audio in pieces of `size` bytes, with other pieces at byte positions."""
    edges = sorted({*range(0, len(data), size), *(place for place, _ in others), len(data)})
    for start, stop in pairwise(edges):
        for place, piece in others:
            if place == start:
                yield piece
        yield AudioPiece(data[start:stop])


async def animate(
    pieces: AsyncIterator[Piece], animation: AudioAnimation | None = None, model: FakeLipSync | None = None
) -> tuple[CurveClip, list[Notice]]:
    animation = animation or AudioAnimation(RAW)
    blocks, notices = [], []
    async with aclosing(AnimateFromAudio(model or FakeLipSync(), Limits(60, 4))(animation, pieces)) as answers:
        async for answer in answers:
            if isinstance(answer, CurveBlock):
                blocks.append(answer)
            else:
                notices.append(answer)
    return CurveClip.joined(animation.output.frame_rate, blocks), notices


def same(one: CurveClip, other: CurveClip) -> bool:
    return np.array_equal(one.curves, other.curves) and np.array_equal(one.poses, other.poses)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("frame_rate", [Fraction(25), Fraction(30000, 1001)])
async def test_streaming_equals_offline(rate_hz: int, frame_rate: Fraction) -> None:
    """All bits are the same whether the audio comes at once, in 20 ms chunks or in odd crumbs."""
    data = pcm(speech_like(3, rate_hz))
    animation = AudioAnimation(SourceFormat(rate_hz, has_header=False), Output(frame_rate, 5))

    whole, _ = await animate(in_pieces(data, len(data)), animation)
    chunks, _ = await animate(in_pieces(data, rate_hz // 25), animation)
    crumbs, _ = await animate(in_pieces(data, 997), animation)

    assert same(whole, chunks)
    assert same(whole, crumbs)
    assert whole.frame_count == -(-3 * frame_rate.numerator // frame_rate.denominator)
    assert whole.curves[:, JAW].max() > 0.3


async def test_the_mouth_follows_the_sound_on_time() -> None:
    """A hum after 1 s of silence opens the jaw at 1 s and not 0.1 s before; it closes within 0.4 s of the end."""
    clip, _ = await animate(in_pieces(pcm(sound(("silence", 1), ("hum", 1), ("silence", 1))), 640))
    jaw = clip.curves[:, JAW]

    assert jaw[:22].max() == 0
    assert jaw[27:48].min() > 0.4
    assert jaw[60:].max() < 0.01


async def test_lips_meet_where_a_buzz_is_heard() -> None:
    """The network's curves stay open in an m; its posteriors close the lips."""
    clip, _ = await animate(in_pieces(pcm(sound(("hum", 1), ("buzz", 0.1), ("hum", 1))), 4000))
    gap = clip.curves[:, JAW] - clip.curves[:, CLOSE]

    assert gap[25:27].max() < 0.02
    assert gap[22] > 0.4
    assert gap[30] > 0.4


async def test_both_ends_are_at_rest() -> None:
    """The first frame is close to rest and the last one exactly, although the sound ends in a vowel."""
    clip, _ = await animate(in_pieces(pcm(speech_like(2.0)), 1000))

    assert np.abs(clip.poses[0]).max() < 0.05
    assert np.abs(clip.curves[-1]).max() == 0
    assert np.abs(clip.poses[-1]).max() == 0


async def test_frames_come_while_the_audio_still_runs() -> None:
    """The first frame comes after 0.14 s of audio, and with 0.28 s of audio from its start every frame is out."""
    data = pcm(speech_like(3))
    heard = 0
    lags: list[float] = []

    async def live() -> AsyncIterator[Piece]:
        nonlocal heard
        for start in range(0, len(data), 640):
            yield AudioPiece(data[start : start + 640])
            heard = start + 640
            for _ in range(30):
                await asyncio.sleep(0)

    frames = 0
    first_s = 0.0
    async with aclosing(AnimateFromAudio(FakeLipSync())(AudioAnimation(RAW), live())) as answers:
        async for answer in answers:
            if isinstance(answer, CurveBlock):
                first_s = first_s or heard / 32_000
                lags += [heard / 32_000 - frame / 25 for frame in range(frames, answer.end_frame)]
                frames = answer.end_frame

    assert frames == 75
    assert first_s == pytest.approx(0.14)
    assert max(lags) <= 0.28


async def test_timed_phones_drive_the_mouth_instead_of_the_network() -> None:
    """The network is not asked; lips meet in the m that timing tells, whatever the sound is."""
    model = FakeLipSync()
    phones = [TimedPhone("aa", 0.2, 0.6), TimedPhone("m", 0.6, 0.7), TimedPhone("aa", 0.7, 1.2)]
    data = pcm(sound(("hum", 1.4)))
    animation = AudioAnimation(RAW, is_timed=True)

    clip, _ = await animate(in_pieces(data, 1000, (0, TimingPiece(phones))), animation, model)
    late, _ = await animate(
        in_pieces(data, 640, (0, TimingPiece(phones[:1])), (16_000, TimingPiece(phones[1:]))), animation, model
    )
    gap = clip.curves[:, JAW] - clip.curves[:, CLOSE]

    assert model.windows == 0
    assert gap[16] < 0.02
    assert gap[11] > 0.2
    assert same(clip, late)


@pytest.mark.parametrize(
    ("is_timed", "place", "starts_s"), [(False, 0, (0.0,)), (True, 32_000, (0.3,)), (True, 0, (1.0, 0.5))]
)
async def test_timing_that_cannot_be_followed_is_refused(is_timed: bool, place: int, starts_s: Sequence[float]) -> None:
    """Unannounced timing, timing after its audio and timing that goes back raise InvalidField."""
    others = [(place, TimingPiece([TimedPhone("aa", start_s, start_s + 0.1)])) for start_s in starts_s]

    with pytest.raises(InvalidField, match="timing"):
        await animate(in_pieces(bytes(64_000), 3200, *others), AudioAnimation(RAW, is_timed=is_timed))


async def test_controls_change_from_where_the_audio_stands() -> None:
    """Frames before the change are those without it, whatever the pieces; afterwards the mouth is still.

    The head has inertia: it comes to rest within a second.
    """
    data = pcm(sound(("hum", 3)))
    change = (48_000, ControlsPiece(Controls(lower_face=0, head_motion=0)))
    plain, _ = await animate(in_pieces(data, 3200))
    changed, _ = await animate(in_pieces(data, 3200, change))
    whole, _ = await animate(in_pieces(data, len(data), change))

    assert np.array_equal(changed.curves[:37], plain.curves[:37])
    assert changed.curves[45:, JAW].max() == 0
    assert np.abs(changed.poses[65:, :3]).max() < 0.1 < 1 < np.abs(plain.poses[65:-8, :3]).max()
    assert np.abs(changed.poses[65:]).max() < 0.4
    assert plain.curves[45:60, JAW].min() > 0.4
    assert same(changed, whole)


async def test_silence_is_noticed_and_the_mouth_rests() -> None:
    """Ten seconds without speech give one notice, at 5 s; the mouth does not move but the eyes do."""
    clip, notices = await animate(in_pieces(pcm(sound(("silence", 10))), 3200))

    assert [notice.kind for notice in notices] == [NoticeKind.AUDIO_SILENT]
    assert float(notices[0].at) == pytest.approx(5, abs=0.3)
    assert clip.curves[:, JAW].max() == 0
    assert clip.curves[:, CURVE_INDEX["EyeBlinkLeft"]].max() > 0.9


async def test_speech_is_not_taken_for_silence() -> None:
    """A short word is enough."""
    _, notices = await animate(in_pieces(pcm(sound(("silence", 1), ("hum", 0.3), ("silence", 6))), 3200))

    assert notices == []


async def test_clipping_is_noticed_once() -> None:
    """A flattened wave gives one notice with its time."""
    flat = np.clip(5 * sound(("hum", 3), level=0.9), -1, 1)
    _, notices = await animate(in_pieces(pcm(flat), 3200))

    assert [(notice.kind, notice.at) for notice in notices] == [(NoticeKind.AUDIO_CLIPPED, 1)]


async def test_one_sample_gives_one_frame() -> None:
    """The shortest sound there is."""
    clip, notices = await animate(in_pieces(bytes(2), 2))

    assert clip.frame_count == 1
    assert clip.curves.max() == 0
    assert [notice.kind for notice in notices] == [NoticeKind.AUDIO_SILENT]


async def test_no_audio_is_an_error() -> None:
    """A stream without a sample raises MediaUndecodable."""
    with pytest.raises(MediaUndecodable, match="no samples"):
        await animate(in_pieces(b"", 2))


async def test_windows_under_way_are_bounded_and_keep_their_order() -> None:
    """A file that comes at once has several windows with the network, never more than allowed."""
    model = FakeLipSync()
    clip, _ = await animate(in_pieces(pcm(speech_like(8)), 256_000), model=model)
    alone, _ = await animate(in_pieces(pcm(speech_like(8)), 640))

    assert 2 <= model.most_in_flight <= 5
    # 2, 3 and 5 ticks at the start, then 7 at a time.
    assert model.windows == 59
    assert same(clip, alone)


async def test_a_failing_network_ends_the_stream() -> None:
    """Its error reaches the caller, and nothing stays under way."""
    model = FakeLipSync()
    model.error = ModelUnavailable("lip_sync")

    with pytest.raises(ModelUnavailable):
        await animate(in_pieces(pcm(speech_like(8)), 256_000), model=model)
    await asyncio.sleep(0.01)
    assert model.in_flight == 0


async def test_closing_the_stream_cancels_what_is_under_way() -> None:
    """A caller that goes away stops the windows that are with the network."""
    model = FakeLipSync()
    model.hold = asyncio.Event()

    async def use() -> None:
        await animate(in_pieces(pcm(speech_like(8)), 256_000), model=model)

    task = asyncio.create_task(use())
    async with asyncio.timeout(5):
        await model.three_in_flight.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.sleep(0.01)
    assert model.in_flight == 0
    assert model.cancelled >= 3


def from_text(speech: FakeSpeech, longest_s: float = 60) -> AnimateFromText:
    return AnimateFromText(AnimateFromAudio(FakeLipSync(), Limits(longest_s)), speech, longest_s)


PHONES = [
    TimedPhone("aa", 0.1, 0.5),
    TimedPhone("m", 0.5, 0.6),
    TimedPhone("aa", 0.6, 1.0),
    TimedPhone("sil", 1.0, 1.5),
]


async def test_phones_alone_drive_the_whole_face() -> None:
    """Frames cover the phones, lips meet in the m, both ends rest, and the same seed repeats every bit."""
    verb = from_text(FakeSpeech())
    blocks = [block async for block in verb.from_phones(PHONES, Controls(seed=4), Output())]
    again = [block async for block in verb.from_phones(PHONES, Controls(seed=4), Output(frames_per_block=50))]
    clip = CurveClip.joined(Fraction(25), [block for block in blocks if isinstance(block, CurveBlock)])
    repeated = CurveClip.joined(Fraction(25), [block for block in again if isinstance(block, CurveBlock)])
    gap = clip.curves[:, JAW] - clip.curves[:, CLOSE]

    assert clip.frame_count == 38
    assert gap[13] < 0.02
    assert gap[9] > 0.2
    assert clip.curves[-1].max() == 0
    assert np.abs(clip.poses).max() > 0.2
    assert same(clip, repeated)


async def test_phones_that_are_absent_or_too_long_are_refused() -> None:
    """No phones raise InvalidField, an hour of them StreamTooLong."""
    verb = from_text(FakeSpeech())

    with pytest.raises(InvalidField):
        await anext(verb.from_phones([], Controls(), Output()))
    with pytest.raises(StreamTooLong):
        await anext(verb.from_phones([TimedPhone("aa", 0, 3600)], Controls(), Output()))


async def test_text_is_spoken_and_followed() -> None:
    """The speech service is asked once, its audio sets the length, its phones move the mouth; its stream is closed."""
    speech = FakeSpeech()
    answers = [answer async for answer in from_text(speech).from_text(Utterance("hello"), Controls(), Output())]
    clip = CurveClip.joined(Fraction(25), [block for block in answers if isinstance(block, CurveBlock)])

    assert [utterance.text for utterance in speech.spoken] == ["hello"]
    assert clip.frame_count == round(5 * LETTER_S * 25)
    assert clip.curves[:, CLOSE].max() > 0.05
    assert speech.closed == 1


async def test_errors_of_the_speech_service_reach_the_caller() -> None:
    """What it raises is raised, and its stream is closed."""
    speech = FakeSpeech()
    speech.error = ModelUnavailable("flite")

    with pytest.raises(ModelUnavailable):
        await anext(from_text(speech).from_text(Utterance("hello"), Controls(), Output()))
    assert speech.closed == 1
