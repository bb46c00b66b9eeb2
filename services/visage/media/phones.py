"""The 43 phone classes that speech, lip sync and animation share, and the symbols of others mapped to them.

A class groups sounds that look alike and sound close enough for one network to learn them from several languages:
24 consonants, 18 vowels (two of them front rounded vowels that English lacks) and silence. Names are ARPAbet's, in
lower case, plus `sil`, `ax` (schwa), `ux` (as in French "lune") and `oe` (as in German "schoen").

Sources: CMU Pronouncing Dictionary symbols (ARPAbet); the IPA chart (International Phonetic Association, 2020).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SILENCE: Final = "sil"

IPA_OF_CLASS: Final[Mapping[str, str]] = {
    "sil": "",
    "p": "p",
    "b": "b",
    "m": "m",
    "f": "f",
    "v": "v",
    "th": "θ",
    "dh": "ð",
    "t": "t",
    "d": "d",
    "n": "n",
    "s": "s",
    "z": "z",
    "sh": "ʃ",
    "zh": "ʒ",
    "ch": "tʃ",
    "jh": "dʒ",
    "k": "k",
    "g": "ɡ",
    "ng": "ŋ",
    "hh": "h",
    "r": "ɹ",
    "l": "l",
    "w": "w",
    "y": "j",
    "iy": "i",
    "ih": "ɪ",
    "ey": "eɪ",
    "eh": "ɛ",
    "ae": "æ",
    "aa": "ɑ",
    "ah": "ʌ",
    "ao": "ɔ",
    "ow": "oʊ",
    "uh": "ʊ",
    "uw": "u",
    "er": "ɝ",
    "ay": "aɪ",
    "aw": "aʊ",
    "oy": "ɔɪ",
    "ax": "ə",
    "ux": "y",
    "oe": "ø",
}
"""Phone class → IPA string, in the order of the lip-sync network's posteriors; silence is the empty string."""

PHONE_CLASSES: Final[tuple[str, ...]] = tuple(IPA_OF_CLASS)
PHONE_COUNT: Final = len(PHONE_CLASSES)
PHONE_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(PHONE_CLASSES)}
"""Phone class → position in `PHONE_CLASSES`."""

VOWELS: Final = frozenset(PHONE_CLASSES[PHONE_INDEX["iy"] :])
BILABIALS: Final = frozenset({"p", "b", "m"})
LABIODENTALS: Final = frozenset({"f", "v"})

_ARPABET_VARIANTS: Final[Mapping[str, str]] = {
    "pau": "sil",
    "h#": "sil",
    "#": "sil",
    "ssil": "sil",
    "brth": "sil",
    "dx": "d",
    "el": "l",
    "em": "m",
    "en": "n",
    "nx": "n",
    "hv": "hh",
    "axr": "er",
    "ix": "ih",
}

_IPA_GROUPS: Final[Mapping[str, str]] = {
    "p": "p",
    "b": "b ɓ β",
    "m": "m ɱ",
    "f": "f ɸ",
    "v": "v ʋ",
    "th": "θ",
    "dh": "ð",
    "t": "t ʈ",
    "d": "d ɖ ɾ ɗ",
    "n": "n ɲ ɳ",
    "s": "s ts",
    "z": "z dz",
    "sh": "ʃ ɕ ʂ ç",
    "zh": "ʒ ʑ ʐ",
    "ch": "tʃ tɕ ʈʂ",
    "jh": "dʒ dʑ ɖʐ",
    "k": "k c q x χ ʔ",
    "g": "g ɡ ɟ ɣ ʁ",
    "ng": "ŋ ɴ",
    "hh": "h ɦ ħ",
    "r": "ɹ ɻ r ʀ ɽ",
    "l": "l ɫ ʎ ɭ ɬ",
    "w": "w ʍ ɥ",
    "y": "j ʝ",
    "iy": "i iə",
    "ih": "ɪ ᵻ ɨ ɯ ɪɹ",
    "ey": "e eɪ ei",
    "eh": "ɛ ɛɹ eə",
    "ae": "æ",
    "aa": "a ɑ ɑɹ",
    "ah": "ʌ ɐ ɤ",
    "ax": "ə ɘ",
    "ao": "ɔ ɒ ɔɹ oɹ",
    "ow": "o oʊ əʊ ou",
    "uh": "ʊ ʊɹ",
    "uw": "u ʉ",
    "er": "ɜ ɝ ɚ",
    "ay": "aɪ ai aɪə aɪɚ",
    "aw": "aʊ au aʊɚ",
    "oy": "ɔɪ oi ɔø ɔʏ",
    "ux": "y ʏ",
    "oe": "ø œ ɵ ɞ",
}
_CLASS_OF_IPA: Final[dict[str, str]] = {
    symbol: phone for phone, symbols in _IPA_GROUPS.items() for symbol in symbols.split()
}
_LONGEST_IPA_SYMBOL: Final = max(map(len, _CLASS_OF_IPA))
# Length, stress, tone and secondary articulation do not change the class.
_IPA_MARKS: Final = re.compile("[ˈˌːˑʰʲʷ˞0-9.|‿*`'\u0300-\u036f-]|\\(\\w+\\)")


@dataclass(frozen=True, slots=True)
class TimedPhone:
    """One phone of an utterance on the clock of its audio.

    Attributes:
        phone: A name of `PHONE_CLASSES`.
        start_s: Seconds from the start of the audio.
        end_s: Seconds, not before `start_s`.
        stress: How strongly it is articulated: about 0.9 without stress, 1 neutral, 1.1 under primary stress.
        release_s: Where the lips of a plosive part, if known; seconds, within the phone.
    """

    phone: str
    start_s: float
    end_s: float
    stress: float = 1.0
    release_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no utterance can hold.

        Raises:
            ValueError: An unknown class, or an end before the start.
        """
        if self.phone not in PHONE_INDEX:
            raise ValueError(f"unknown phone class {self.phone!r}")
        if not self.end_s >= self.start_s:
            raise ValueError(f"phone {self.phone!r} ends at {self.end_s} s, before its start at {self.start_s} s")


def ipa_of(phone: str) -> str:
    """IPA string of a phone class; empty for silence.

    Raises:
        KeyError: Not one of `PHONE_CLASSES`.
    """
    return IPA_OF_CLASS[phone]


def class_of_arpabet(symbol: str) -> str:
    """Phone class of an ARPAbet symbol as CMU voices write it: case and stress digits are ignored.

    Raises:
        ValueError: A symbol that ARPAbet lacks.
    """
    name = symbol.lower().rstrip("0123456789")
    phone = _ARPABET_VARIANTS.get(name, name)
    if phone not in PHONE_INDEX:
        raise ValueError(f"unknown ARPAbet symbol {symbol!r}")
    return phone


def classes_of_ipa(text: str) -> tuple[str, ...]:
    """Phone classes of one IPA phone as espeak-ng writes it: usually one, several for joined sounds such as "əl".

    Marks of stress, length and tone are ignored. Sounds that the table lacks are skipped; if nothing remains, marks
    alone mean silence (a lone ʲ is a glide) and unknown letters mean a schwa, the mouth's most neutral sound.
    """
    letters = _IPA_MARKS.sub("", text).strip()
    if not letters:
        # Palatalisation alone is a glide of its own.
        return ("y",) if "ʲ" in text else (SILENCE,)
    phones: list[str] = []
    position = 0
    while position < len(letters):
        for length in range(_LONGEST_IPA_SYMBOL, 0, -1):
            phone = _CLASS_OF_IPA.get(letters[position : position + length])
            if phone is not None:
                phones.append(phone)
                position += length
                break
        else:
            position += 1
    return tuple(phones) or ("ax",)
