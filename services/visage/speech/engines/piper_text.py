"""What espeak-ng says of a text → the ids that a Piper voice is given, and their durations → phonemes and words.

A voice was trained on espeak-ng's IPA, one id a Unicode character, decomposed, with a filling id behind each; words
stand apart by a space, and punctuation is kept. Source: https://github.com/rhasspy/piper-phonemize, `phoneme_ids.cpp`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from visage.media.phones import SILENCE, classes_of_ipa, ipa_of
from visage.runtime.triton.voice_files import END, PAD, START
from visage.speech.analysis_ports import FloatArray
from visage.speech.engines.espeak_words import EventPhoneme, words_of_events
from visage.speech.utterance import Phoneme, Timing

_STRESSES: Final = "ˈˌ"
_LANGUAGE_MARK: Final = re.compile(r"\([\w-]+\)")
_PUNCTUATION: Final = re.compile("[,.;:?!。，？！、](?=[\\s\"'”’»)\\]]|$|[\u3040-\u9fff])")
_LATIN: Final = str.maketrans("。，？！、", ".,?!,")
_SHORTEST_PAUSE_S: Final = 0.04


@dataclass(frozen=True, slots=True)
class Piece:
    """Ids that sound as one: how many, what they are in IPA (empty for a pause), and in which group of espeak-ng's."""

    id_count: int
    ipa: str = ""
    group: int = -1


@dataclass(frozen=True, slots=True)
class SpelledText:
    """A text in a voice's ids.

    Attributes:
        ids: What the voice is given.
        pieces: In order; together they are all ids.
        events: (position in the text, group that begins there), for `words_of_events`.
    """

    ids: tuple[int, ...]
    pieces: tuple[Piece, ...]
    events: tuple[tuple[int, float], ...]

    def timing(self, text: str, durations_s: FloatArray) -> Timing:
        """Returns the phonemes and words of `text`, given how long each id lasts."""
        ends_s = np.cumsum(durations_s)
        phonemes: list[EventPhoneme] = []
        last = 0
        start_s = 0.0
        for piece in self.pieces:
            last += piece.id_count
            end_s = float(ends_s[last - 1])
            _append(phonemes, piece, start_s, end_s)
            start_s = end_s
        words = words_of_events(text, self.events, phonemes)
        return Timing(tuple(event.phoneme for event in phonemes), words)


def spell(
    text: str,
    groups: Sequence[str],
    positions: Sequence[int],
    id_map: Mapping[str, Sequence[int]],
    clusters: Collection[str] = (),
) -> SpelledText:
    """Returns a text in ids; characters that the voice has no id for are left out.

    Args:
        text: What is said.
        groups: IPA of the runs between espeak-ng's spaces.
        positions: Of its word events in the text, one for each group, or nearly so.
        id_map: Of the voice.
        clusters: Several characters that the voice knows as one.
    """
    starts = _starts(len(groups), positions)
    ids: list[int] = []
    pieces: list[Piece] = []

    def add(signs: str, ipa: str = "", group: int = -1) -> None:
        found = [
            number for sign in _joined(signs, clusters) for number in (*id_map.get(sign, ()), *_filling(sign, id_map))
        ]
        if found:
            ids.extend(found)
            pieces.append(Piece(len(found), ipa, group))

    add(START)
    for index, written in enumerate(groups):
        for phone in split_phones(unicodedata.normalize("NFD", _LANGUAGE_MARK.sub("", written)), clusters):
            add(phone, phone, index)
        end = starts[index + 1] if index + 1 < len(groups) else len(text)
        found = _PUNCTUATION.findall(text[starts[index] : end])
        add(found[-1].translate(_LATIN) if found else "")
        add(" " if index + 1 < len(groups) else "")
    ids.extend(id_map[END])
    pieces.append(Piece(len(id_map[END])))
    events = tuple((start, float(index)) for index, start in enumerate(starts) if start not in starts[:index])
    return SpelledText(tuple(ids), tuple(pieces), events)


def split_phones(ipa: str, clusters: Collection[str] = ()) -> list[str]:
    """Returns the phones in IPA with their marks: stress stands before a sound, everything else behind it.

    Diphthongs, affricates and `clusters` are one phone.
    """
    phones: list[str] = []
    stress = ""
    for sign in ipa:
        if sign in _STRESSES:
            stress += sign
        elif unicodedata.category(sign) in ("Ll", "Lu", "Lo"):
            if phones and not stress and _is_one_sound(phones[-1].lstrip(_STRESSES), sign, clusters):
                phones[-1] += sign
            else:
                phones.append(stress + sign)
            stress = ""
        elif phones:
            phones[-1] += sign
    return phones


def _is_one_sound(letters: str, sign: str, clusters: Collection[str]) -> bool:
    if any(cluster.startswith(letters + sign) for cluster in clusters):
        return True
    return len(letters) == 1 and sign != "ɹ" and letters != sign and len(classes_of_ipa(letters + sign)) == 1


def _joined(signs: str, clusters: Collection[str]) -> Iterator[str]:
    """The characters, those of a cluster together."""
    position = 0
    while position < len(signs):
        found = max((c for c in clusters if signs.startswith(c, position)), key=len, default=signs[position])
        yield found
        position += len(found)


def _filling(sign: str, id_map: Mapping[str, Sequence[int]]) -> Sequence[int]:
    return id_map[PAD] if sign in id_map else ()


def _starts(count: int, positions: Sequence[int]) -> list[int]:
    """Where each group begins; where there are more or fewer positions, they are spread over the groups."""
    if not positions:
        return [0] * count
    ordered = sorted(positions)
    return [ordered[min(index * len(ordered) // count, len(ordered) - 1)] for index in range(count)]


def _append(phonemes: list[EventPhoneme], piece: Piece, start_s: float, end_s: float) -> None:
    """Adds the phonemes of a piece; a pause joins the one before it, and a short one the sound before it."""
    if not piece.ipa:
        before = phonemes[-1].phoneme if phonemes else None
        if before is not None and (before.is_pause or end_s - start_s < _SHORTEST_PAUSE_S):
            phonemes[-1] = replace(phonemes[-1], phoneme=replace(before, end_s=end_s))
        elif end_s > start_s:
            phonemes.append(EventPhoneme(-1.0, Phoneme("", SILENCE, start_s, end_s)))
        return
    composed = unicodedata.normalize("NFC", piece.ipa)
    classes = classes_of_ipa(composed)
    edges_s = np.linspace(start_s, end_s, len(classes) + 1).tolist()
    for phone, first_s, last_s in zip(classes, edges_s, edges_s[1:], strict=False):
        ipa = composed if len(classes) == 1 else ipa_of(phone)
        phonemes.append(EventPhoneme(float(piece.group), Phoneme(ipa, phone, first_s, last_s)))
