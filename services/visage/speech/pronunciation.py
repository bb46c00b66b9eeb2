"""How the words of a transcript are said: their phones, as an installed voice of the language speaks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visage.media.phones import PHONE_INDEX
from visage.runtime.errors import ModelUnavailable
from visage.speech.clauses import ClauseSplitter
from visage.speech.line import Line
from visage.speech.ports import SpeechEngine
from visage.speech.prosody import Prosody
from visage.speech.readable_text import ReadableText, has_speech, make_readable
from visage.speech.reading.english import read_english
from visage.speech.utterance import Phoneme
from visage.speech.voices import Voice

_PLAIN = Prosody()


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word of a transcript with its place in it and its phonemes; their times are of no meaning here."""

    text: str
    text_start: int
    text_end: int
    phonemes: tuple[Phoneme, ...]

    @property
    def phones(self) -> list[int]:
        """Position of each phoneme's class in `PHONE_CLASSES`."""
        return [PHONE_INDEX[phoneme.phone] for phoneme in self.phonemes]


async def pronounce(transcript: str, voice: Voice, engines: Mapping[str, SpeechEngine]) -> list[SaidWord]:
    """Returns the words of a transcript that `voice` finds something to say in, in order.

    Raises:
        ModelUnavailable: The voice's engine cannot do it now.
    """
    engine = engines.get(voice.engine)
    if engine is None:
        raise ModelUnavailable(voice.engine)
    splitter = ClauseSplitter()
    words: list[SaidWord] = []
    for clause in [*splitter.push(transcript), *splitter.flush()]:
        line = Line.of_clause(clause)
        readable = make_readable(line.text, {})
        if voice.speaks("en"):
            readable = read_english(readable)
        if has_speech(readable.text):
            words += await _words_of(readable, transcript, voice, engine)
    return words


async def _words_of(readable: ReadableText, transcript: str, voice: Voice, engine: SpeechEngine) -> list[SaidWord]:
    utterance = await engine.speak(readable.text, voice, _PLAIN)
    spoken = [phoneme for phoneme in utterance.timing.phonemes if not phoneme.is_pause]
    words: list[SaidWord] = []
    for number, word in enumerate(utterance.timing.words):
        following = utterance.timing.words[number + 1 :]
        end_s = following[0].start_s if following else float("inf")
        # What lies before the first word belongs to it.
        start_s = word.start_s if words else 0.0
        own = tuple(p for p in spoken if start_s <= (p.start_s + p.end_s) / 2 < end_s)
        if not own:
            continue
        start, end = readable.span(word.text_start, word.text_end)
        if words and start < words[-1].text_end:
            # Several words are read for one of the caller's, as in "$3.50".
            before = words.pop()
            start, end, own = min(start, before.text_start), max(end, before.text_end), before.phonemes + own
        words.append(SaidWord(transcript[start:end], start, end, own))
    return words
