"""Timed phones to curves without audio, and text by way of the speech service."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.animate_from_audio import AnimateFromAudio, AudioAnimation, AudioPiece, Piece, TimingPiece
from visage.animation.audio_source import SourceFormat
from visage.animation.controls import Controls
from visage.animation.mouths import shape
from visage.animation.ports import Speech, SpokenPart, Utterance
from visage.animation.rhythm import LOOK_AHEAD_TICKS, QUIET_DB
from visage.animation.stage import Notice, Output, Stage
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.curves import CurveBlock
from visage.media.phones import SILENCE, VOWELS, TimedPhone
from visage.runtime.errors import InvalidField, MediaUndecodable, StreamTooLong

# Ticks performed at a time.
_STRETCH_TICKS: Final = 100
# The end is known from the start, so the head has time to come back.
_SETTLING_S: Final = 0.8
_VOWEL_DB: Final = -21.0
_VOICED_DB: Final = -28.0
_UNVOICED_DB: Final = -36.0
# A stressed vowel is about 4 dB louder than one without stress.
_DB_PER_STRESS: Final = 25.0
_UNVOICED: Final = frozenset(["p", "f", "th", "t", "s", "sh", "ch", "k", "hh"])


class AnimateFromText:
    """Makes curves from phones or from text."""

    def __init__(self, from_audio: AnimateFromAudio, speech: Speech, longest_s: float) -> None:
        """Takes the verb that follows timed audio, the speech service and the longest clip in seconds."""
        self._from_audio = from_audio
        self._speech = speech
        self._longest_s = longest_s

    async def from_phones(
        self, phones: Sequence[TimedPhone], controls: Controls, output: Output
    ) -> AsyncGenerator[CurveBlock | Notice, None]:
        """Yields blocks that cover the phones.

        Raises:
            InvalidField: There are no phones.
            StreamTooLong: They are longer than the limit.
        """
        if not phones or phones[-1].end_s <= 0:
            raise InvalidField("timing.phonemes", "must be filled, unless visemes are")
        if phones[-1].end_s > self._longest_s:
            raise StreamTooLong(f"{self._longest_s:g} s", f"{phones[-1].end_s:.1f} s")
        duration = Fraction(phones[-1].end_s).limit_denominator(1_000_000)
        stage = Stage(controls, output, _SETTLING_S)
        tick_count = stage.clock.ticks_needed(stage.clock.frame_count(duration))
        levels_db = await asyncio.to_thread(expected_levels_db, phones, tick_count + LOOK_AHEAD_TICKS)
        shapes = await asyncio.to_thread(shape, phones, 0, tick_count, 1.0)
        for start in range(0, tick_count, _STRETCH_TICKS):
            stop = min(start + _STRETCH_TICKS, tick_count)
            stretch = shapes.part(start, stop)
            await asyncio.to_thread(stage.perform, stretch, levels_db[start : stop + LOOK_AHEAD_TICKS])
            for block in stage.blocks(duration, is_ended=True):
                yield block

    async def from_text(
        self, utterance: Utterance, controls: Controls, output: Output
    ) -> AsyncGenerator[CurveBlock | Notice, None]:
        """Yields blocks that cover the spoken text.

        Raises:
            StreamTooLong: It is longer than the limit.
            VisageError: The speech service refuses it or does not answer.
        """
        async with aclosing(self._speech.speak(utterance)) as parts:
            first = await anext(parts, None)
            if first is None or not first.sample_rate_hz:
                raise MediaUndecodable("input.text", "nothing was spoken")
            source = SourceFormat(first.sample_rate_hz, has_header=False)
            # A synthesised voice feels what it was told to.
            animation = AudioAnimation(source, output, controls, is_timed=True, hears_emotions=False)
            async with aclosing(self._from_audio(animation, _pieces(parts))) as answers:
                async for answer in answers:
                    yield answer


def expected_levels_db(phones: Sequence[TimedPhone], count: int) -> NDArray[np.float32]:
    """[count] levels that ordinary speech has at each tick: loud vowels, louder under stress."""
    levels = np.full(count, QUIET_DB, np.float32)
    for phone in phones:
        if phone.phone == SILENCE:
            continue
        level = _UNVOICED_DB if phone.phone in _UNVOICED else _VOICED_DB
        if phone.phone in VOWELS:
            level = _VOWEL_DB + _DB_PER_STRESS * (phone.stress - 1)
        start, stop = math.floor(phone.start_s * TICK_RATE_HZ), math.ceil(phone.end_s * TICK_RATE_HZ)
        levels[start:stop] = np.maximum(levels[start:stop], level)
    return levels


async def _pieces(parts: AsyncIterator[SpokenPart]) -> AsyncIterator[Piece]:
    async for part in parts:
        if part.phones:
            yield TimingPiece(part.phones)
        if part.audio:
            yield AudioPiece(part.audio)
