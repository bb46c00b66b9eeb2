"""Where the mouth's shapes come from: the lip-sync network's reading of the audio, or phones whose times are known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from visage.animation.audio_intake import AudioIntake
from visage.animation.ports import LipSyncModel, MouthReading
from visage.animation.rhythm import LOOK_AHEAD_TICKS
from visage.animation.sharpening import SpeechGate, sharpen
from visage.animation.ticks import TICK_RATE_HZ, TICK_S, TICK_SAMPLES
from visage.media.coarticulation import REACH_S, articulate
from visage.media.phones import PHONE_COUNT, PHONE_INDEX, SILENCE, TimedPhone

Array = NDArray[np.float32]

WINDOW_PAST_TICKS: Final = 51
WINDOW_TICKS: Final = 10
WINDOW_FUTURE_TICKS: Final = 5

# A live stream shows its first frames as early as the look-ahead allows, then asks less often.
_FIRST_HOPS_TICKS: Final = (2, 3, 5)
_FIRST_HOP_STARTS: Final = tuple(accumulate(_FIRST_HOPS_TICKS[:-1], initial=0))
LIVE_HOP_TICKS: Final = 7
"""Of the 10 ticks of an answer, those that a stream uses once it runs: with 10 frames come 60 ms later."""
_TIMED_HOP_TICKS: Final = 8

_LOUD_JAW: Final = 1.15
_SOFT_JAW: Final = 0.72
# Level of a syllable against the voice's usual one at which the jaw opens least and most.
_SOFT_DB: Final = -8.0
_LOUD_DB: Final = 6.0
_EFFORT_AHEAD_TICKS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class MouthShapes:
    """The mouth over consecutive ticks.

    Attributes:
        curves: [ticks, 52] lower-face curves.
        speech: [ticks] share of speech, 0..1.
        phones: [ticks, 43] share of each phone class in what is said; None where that is not known.
    """

    curves: Array
    speech: Array
    phones: Array | None = None

    def part(self, start: int, stop: int) -> MouthShapes:
        """Returns ticks `start` to `stop`."""
        phones = None if self.phones is None else self.phones[start:stop]
        return MouthShapes(self.curves[start:stop], self.speech[start:stop], phones)


class Mouth(Protocol):
    """Makes the shapes of a stream, hop by hop in ascending order."""

    def hop_ticks(self, first_tick: int) -> int:
        """Ticks made at a time, from a tick that begins a hop."""

    @property
    def look_ahead_ticks(self) -> int:
        """Ticks of audio and phones needed beyond a hop."""

    def begin(self, first_tick: int, intake: AudioIntake) -> Awaitable[object]:
        """Starts the slow part for a hop; may run beside those of other hops."""

    def complete(self, begun: object, levels_db: Array) -> MouthShapes:
        """Returns the shapes, given what `begin` brought and [hop + look-ahead] levels; called in order."""


class HeardMouth:
    """Shapes that the network reads from the audio."""

    look_ahead_ticks: Final = max(WINDOW_FUTURE_TICKS, LOOK_AHEAD_TICKS)

    def __init__(self, model: LipSyncModel, hop_ticks: int = LIVE_HOP_TICKS) -> None:
        """Takes the network and how many of its 10 ticks to use: fewer come earlier but cost more calls."""
        self._model = model
        self._gate = SpeechGate()
        self._hop_ticks = hop_ticks

    def hop_ticks(self, first_tick: int) -> int:
        """Ticks made at a time: few at the start of a stream."""
        return dict(zip(_FIRST_HOP_STARTS, _FIRST_HOPS_TICKS, strict=True)).get(first_tick, self._hop_ticks)

    def begin(self, first_tick: int, intake: AudioIntake) -> Awaitable[MouthReading]:
        """Cuts the window out and asks the network."""
        start = (first_tick - WINDOW_PAST_TICKS) * TICK_SAMPLES
        length = (WINDOW_PAST_TICKS + WINDOW_TICKS + WINDOW_FUTURE_TICKS) * TICK_SAMPLES
        window = intake.history.read(start, start + length)
        intake.history.forget_before(start + self.hop_ticks(first_tick) * TICK_SAMPLES)
        return self._model.read(window)

    def complete(self, begun: object, levels_db: Array) -> MouthShapes:
        """Sharpens closures and rests where nobody speaks."""
        assert isinstance(begun, MouthReading)
        count = len(levels_db) - self.look_ahead_ticks
        curves, phonemes = begun.curves[:count], begun.phonemes[:count]
        openness = self._gate.advance(phonemes, levels_db)
        return MouthShapes(sharpen(curves, phonemes) * openness[:, None], openness, phonemes * openness[:, None])


class TimedMouth:
    """Shapes of phones whose times are told, each before its audio; loud speech opens the jaw further."""

    look_ahead_ticks: Final = 10

    def __init__(self) -> None:
        """Starts without phones: a closed mouth."""
        self._phones: deque[TimedPhone] = deque()
        self._effort = JawEffort()
        self.end_s = 0.0

    def add(self, phones: Sequence[TimedPhone]) -> None:
        """Adds the next phones, in ascending order."""
        self._phones.extend(phones)
        if phones:
            self.end_s = phones[-1].end_s

    def hop_ticks(self, first_tick: int) -> int:
        """Ticks made at a time."""
        return _TIMED_HOP_TICKS

    def begin(self, first_tick: int, intake: AudioIntake) -> Awaitable[MouthShapes]:
        """Blends the phones around a hop; phones that start beyond the look-ahead count as unknown."""
        start_s = first_tick * TICK_S
        known_s = (first_tick + _TIMED_HOP_TICKS + self.look_ahead_ticks) * TICK_S
        while self._phones and self._phones[0].end_s < start_s - REACH_S:
            self._phones.popleft()
        phones = [phone for phone in self._phones if phone.start_s < known_s]
        intake.history.forget_before(first_tick * TICK_SAMPLES)
        count = _TIMED_HOP_TICKS
        levels_db = intake.levels_db(first_tick + _EFFORT_AHEAD_TICKS, count)
        effort = self._effort.advance(levels_db, spoken(phones, first_tick, count))
        return asyncio.to_thread(shape, phones, first_tick, count, effort)

    def complete(self, begun: object, levels_db: Array) -> MouthShapes:
        """Returns the shapes as they are."""
        assert isinstance(begun, MouthShapes)
        return begun


class JawEffort:
    """Scale of the mouth's opening, from how loud a voice is at the moment and usually."""

    def __init__(self) -> None:
        """Starts with the level of ordinary recordings."""
        self._usual_db = -24.0
        self._smooth_db = -24.0

    def advance(self, levels_db: Array, speech: Array) -> Array:
        """[ticks] scale of the next ticks, 0.72 soft to 1.15 loud; pauses do not count as soft speech."""
        scales = np.empty(len(levels_db), np.float32)
        for tick, (level_db, share) in enumerate(zip(levels_db.tolist(), speech.tolist(), strict=True)):
            if share > 0.5:
                self._smooth_db += (max(level_db, self._usual_db - 25) - self._smooth_db) * 0.25
                self._usual_db += (self._smooth_db - self._usual_db) * 0.02
            place = (self._smooth_db - self._usual_db - _SOFT_DB) / (_LOUD_DB - _SOFT_DB)
            scales[tick] = _SOFT_JAW + (_LOUD_JAW - _SOFT_JAW) * min(1.0, max(0.0, place))
        return scales


def spoken(phones: Sequence[TimedPhone], first_tick: int, count: int) -> Array:
    """[count] 1 at ticks whose middle lies in a phone that is no silence, else 0."""
    speech = np.zeros(count, np.float32)
    for phone in phones:
        if phone.phone == SILENCE:
            continue
        start, stop = (round(time_s * TICK_RATE_HZ) - first_tick for time_s in (phone.start_s, phone.end_s))
        speech[max(0, start) : max(0, stop)] = 1
    return speech


def shares(phones: Sequence[TimedPhone], first_tick: int, count: int) -> Array:
    """[count, 43] share of each tick in which a phone class sounds."""
    table = np.zeros((count, PHONE_COUNT), np.float32)
    starts = np.arange(first_tick, first_tick + count) * TICK_S
    for phone in phones:
        first = max(0, int(phone.start_s * TICK_RATE_HZ) - first_tick)
        stop = min(count, int(phone.end_s * TICK_RATE_HZ) + 1 - first_tick)
        if first >= stop:
            continue
        edges = starts[first:stop]
        covered = np.minimum(edges + TICK_S, phone.end_s) - np.maximum(edges, phone.start_s)
        table[first:stop, PHONE_INDEX[phone.phone]] += np.maximum(covered, 0) * TICK_RATE_HZ
    return np.minimum(table, 1)


def shape(phones: Sequence[TimedPhone], first_tick: int, count: int, effort: float | Array) -> MouthShapes:
    """Returns the shapes of `count` ticks while `phones` are spoken."""
    curves = articulate(phones, count, TICK_RATE_HZ, start_frame=first_tick, effort=effort)
    return MouthShapes(curves, spoken(phones, first_tick, count), shares(phones, first_tick, count))
