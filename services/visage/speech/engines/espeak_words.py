"""Words of espeak-ng's word events, which may come several times for a number and once per sign in Chinese."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from visage.speech.readable_text import has_speech
from visage.speech.utterance import Phoneme, Word
from visage.speech.word_ranges import word_ranges


@dataclass(frozen=True, slots=True)
class EventPhoneme:
    """A phoneme and the time of the event that it comes from, in seconds."""

    event_s: float
    phoneme: Phoneme


def words_of_events(
    text: str, events: Sequence[tuple[int, float]], phonemes: Sequence[EventPhoneme]
) -> tuple[Word, ...]:
    """Returns the words of `text` that sound, in order.

    Args:
        text: What was spoken.
        events: (position in the text, time in seconds) of the engine's word events, by time.
        phonemes: Of the whole text, by time.
    """
    ranges = word_ranges(text, sorted({position for position, _ in events}))
    starts = [start for start, _ in ranges]
    begins: list[tuple[int, float]] = []
    for position, time_s in events:
        index = bisect_right(starts, position) - 1
        if index >= 0 and (not begins or begins[-1][0] < index):
            begins.append((index, time_s))
    begins.append((len(ranges), float("inf")))
    words: list[Word] = []
    for (index, begin_s), (next_index, end_s) in pairwise(begins):
        sounds = [
            event.phoneme
            for event in phonemes
            if begin_s - 1e-6 <= event.event_s < end_s - 1e-6 and not event.phoneme.is_pause
        ]
        # The engine speaks some pairs, such as "on the", as one word: those behind share its sounds.
        joined = [ranges[index]] + [r for r in ranges[index + 1 : next_index] if has_speech(text[r[0] : r[1]])]
        words += _share(text, joined, sounds)
    return tuple(words)


def _share(text: str, ranges: Sequence[tuple[int, int]], sounds: Sequence[Phoneme]) -> list[Word]:
    """Words of neighbouring ranges, each with as many of the sounds as fits its letters; none without a sound."""
    letters = [end - start for start, end in ranges]
    words = []
    first = 0
    for index, (start, end) in enumerate(ranges):
        last = round(len(sounds) * sum(letters[: index + 1]) / sum(letters))
        if last > first:
            words.append(Word(text[start:end], sounds[first].start_s, sounds[last - 1].end_s, start, end))
        first = max(first, last)
    return words
