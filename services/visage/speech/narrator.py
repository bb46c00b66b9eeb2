"""Lines to a narration: what unary and streaming synthesis share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from visage.runtime.errors import ModelUnavailable
from visage.speech.clauses import End
from visage.speech.line import Line
from visage.speech.narration import Narration, Passage
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.readable_text import ReadableText, has_speech, make_readable
from visage.speech.reading.english import read_english
from visage.speech.shaping import is_light, shape
from visage.speech.utterance import Utterance, Word
from visage.speech.voices import Voice

_PAUSE_S: Final = {End.PARAGRAPH: 0.7, End.SENTENCE: 0.35, End.COMMA: 0.15, End.CUT: 0.04}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a text is to be spoken: voice, output rate, prosody of the whole, and whether to measure how it sounds."""

    voice: Voice
    sample_rate_hz: int
    prosody: Prosody
    with_track: bool = False


class Narrator:
    """Speaks line after line of one text."""

    def __init__(self, engines: Mapping[str, SpeechEngine], delivery: Delivery) -> None:
        """Takes the engines by name.

        Raises:
            ModelUnavailable: The voice's engine is not here.
        """
        self._engines = engines
        self._delivery = delivery
        self._narration = Narration(delivery.sample_rate_hz, with_track=delivery.with_track)
        self._engine_of(delivery.voice)

    async def speak(self, line: Line) -> Passage | None:
        """Returns the sound and the timing of a line; None if there is nothing in it to say or to wait for.

        Raises:
            ModelUnavailable: The engine cannot do it now.
        """
        voice = line.voice or self._delivery.voice
        readable = make_readable(line.text, line.pronunciations)
        if voice.speaks("en"):
            readable = read_english(readable)
        utterance = await self._utterance(line, readable, voice) if has_speech(readable.text) else None
        places = tuple(line.marks)
        if utterance is not None:
            return self._narration.add(utterance, self._pause_s(line), places)
        if line.pause_s or places:
            return self._narration.pause(line.pause_s or 0.0, places)
        return None

    def finish(self) -> Passage:
        """Returns what was held back; call it once, last."""
        return self._narration.finish()

    async def _utterance(self, line: Line, readable: ReadableText, voice: Voice) -> Utterance | None:
        whole = self._delivery.prosody
        # The engine's own means sound best: it speaks as most of the line is to be spoken, and only words that differ
        # are changed afterwards.
        counts = Counter(line.prosody_at(origin) for origin in readable.origins)
        spoken = whole.then(counts.most_common(1)[0][0])
        reached = min(max(spoken.pitch_semitones, -voice.pitch_reach), voice.pitch_reach)
        spoken = replace(spoken, pitch_semitones=reached)
        engine = self._engine_of(voice)
        utterance = await engine.speak(readable.text, voice, spoken, line.pronunciations)
        if all(phoneme.is_pause for phoneme in utterance.timing.phonemes):
            return None
        words = _words(utterance.timing.words, readable, line)
        utterance = replace(utterance, timing=replace(utterance.timing, words=words))
        wanted = [whole.then(line.prosody_at(word.text_start)) for word in words]
        if is_light(spoken, wanted):
            return shape(utterance, spoken, wanted)
        return await asyncio.to_thread(shape, utterance, spoken, wanted)

    def _engine_of(self, voice: Voice) -> SpeechEngine:
        engine = self._engines.get(voice.engine)
        if engine is None:
            raise ModelUnavailable(voice.engine)
        return engine

    def _pause_s(self, line: Line) -> float:
        if line.pause_s is not None:
            return line.pause_s
        return _PAUSE_S[line.end] * min(1.0 / self._delivery.prosody.rate, 2.0)


def _words(spoken: Sequence[Word], readable: ReadableText, line: Line) -> tuple[Word, ...]:
    """The caller's words; several that are read for one of the caller's, as in "$3.50", become one."""
    words: list[Word] = []
    for word in spoken:
        start, end = line.without_edges(*readable.span(word.text_start, word.text_end))
        if words and start < words[-1].text_end:
            before = words.pop()
            start, end = min(before.text_start, start), max(before.text_end, end)
            word = replace(word, start_s=before.start_s)
        words.append(replace(word, text=line.written(start, end), text_start=start, text_end=end))
    return tuple(words)
