"""What flite and festival share: American English labels of CMU's voices → phonemes and words of the caller's text.

Both read ASCII, name phones by ARPAbet, and learn words from their lexicon.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from visage.media.phone_timing import phones_from_segments
from visage.media.phones import SILENCE, VOWELS, classes_of_ipa, ipa_of
from visage.speech.engines.ascii_text import to_ascii
from visage.speech.utterance import Phoneme, Word
from visage.speech.word_ranges import word_ranges

STRESS_MARK: Final = "ˈ"
_SECONDARY_MARK: Final = "ˌ"
_SYLLABLE: Final = re.compile(f"([{STRESS_MARK}{_SECONDARY_MARK}]?)([^{STRESS_MARK}{_SECONDARY_MARK}.\\s|]+)")
# The two front rounded vowels, which English lacks.
_NEAREST: Final = {"ux": "uw", "oe": "er"}
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"

Segment = tuple[str, float, bool]
"""ARPAbet symbol, end in seconds, whether its syllable is stressed; each begins where the one before ends."""


class Spelling:
    """Text for an engine of CMU's, with the way back.

    Attributes:
        text: ASCII.
        new_words: Invented words in it, and their phones: (class of `visage.media.phones`, stress 0..2).
    """

    def __init__(self, text: str, pronunciations: Mapping[str, str]) -> None:
        self._given = text
        self.new_words: dict[str, list[tuple[str, int]]] = {}
        spelled: dict[str, str] = {}
        for placeholder, ipa in pronunciations.items():
            phones = phones_of_ipa(ipa)
            word = _invented_word(phones)
            self.new_words[word] = phones
            spelled[placeholder] = f" {word} "
        self.text, self._origins = to_ascii(text, spelled)

    def words(self, tokens: Sequence[tuple[int, float, float]], lead_s: float) -> tuple[Word, ...]:
        """Returns the words of tokens (position just behind, start, end in seconds) whose labels lead by `lead_s`.

        A token lies behind the last start of a word that is before the position just behind the token.
        """
        ranges = word_ranges(self.text)
        starts = [start for start, _ in ranges]
        words: list[Word] = []
        for position, start_s, end_s in tokens:
            index = bisect_left(starts, position) - 1
            if index < 0:
                continue
            start, end = self._origins[ranges[index][0]], self._origins[ranges[index][1] - 1] + 1
            begin_s = start_s + lead_s
            if words and words[-1].text_start == start:
                begin_s = words.pop().start_s
            words.append(Word(self._given[start:end], begin_s, end_s + lead_s, start, end))
        return tuple(words)


def phonemes_of_segments(segments: Sequence[Segment], lead_s: float, duration_s: float) -> tuple[Phoneme, ...]:
    """Returns the phonemes of labels that lead by `lead_s`, within the sound's duration."""
    starts_s = [0.0, *(end_s for _, end_s, _ in segments)]
    timed = phones_from_segments(
        [(symbol, start_s, end_s) for (symbol, end_s, _), start_s in zip(segments, starts_s, strict=False)],
        offset_s=lead_s,
    )
    stressed_ends_s = {end_s + lead_s for _, end_s, is_stressed in segments if is_stressed}
    phonemes = []
    for index, phone in enumerate(timed):
        # The pause before the first word begins with the sound; the last label may run past it.
        start_s = 0.0 if index == 0 else min(phone.start_s, duration_s)
        mark = STRESS_MARK if phone.phone in VOWELS and phone.end_s in stressed_ends_s else ""
        phonemes.append(Phoneme(mark + ipa_of(phone.phone), phone.phone, start_s, min(phone.end_s, duration_s)))
    return tuple(phonemes)


def phones_of_ipa(ipa: str) -> list[tuple[str, int]]:
    """Returns (phone class, stress) of IPA: 1 primary, 2 secondary, 0 none; the first vowel is stressed if none is."""
    phones: list[tuple[str, int]] = []
    for mark, letters in _SYLLABLE.findall(ipa):
        stress = {STRESS_MARK: 1, _SECONDARY_MARK: 2}.get(mark, 0)
        for phone in classes_of_ipa(letters):
            if phone == SILENCE:
                continue
            is_vowel = phone in VOWELS
            phones.append((_NEAREST.get(phone, phone), stress if is_vowel else 0))
            stress = 0 if is_vowel else stress
    if not any(stress == 1 for _, stress in phones):
        first = next((index for index, (phone, _) in enumerate(phones) if phone in VOWELS), None)
        if first is not None:
            phones[first] = (phones[first][0], 1)
    return phones


def _invented_word(phones: Sequence[tuple[str, int]]) -> str:
    """A word of no dictionary that can be pronounced, so that it is not spelled out; the same for the same phones."""
    number = 0
    for name, stress in phones:
        for byte in f"{name}{stress} ".encode():
            number = (number * 257 + byte) % 70**7
    syllables = []
    for _ in range(7):
        number, rest = divmod(number, 70)
        syllables.append(_CONSONANTS[rest // 5] + _VOWELS[rest % 5])
    return "zu" + "".join(syllables)
