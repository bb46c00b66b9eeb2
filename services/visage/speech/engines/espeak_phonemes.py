"""IPA → the phoneme mnemonics that espeak-ng reads between double brackets, found out by asking the library itself.

Each of its languages has a phoneme set of its own. A mnemonic is spoken between two others, and the IPA of the event
that comes says what it is in that language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from visage.media.phones import IPA_OF_CLASS, SILENCE, classes_of_ipa

Listen = Callable[[str], list[str]]
"""Mnemonics → the IPA of the events they make."""

_CONSONANTS: Final = (
    "p b t d k g f v T D s z S Z h m n N l r j w tS dZ ts pf x X Q C n^ l^ R R2 r- ? * t# s^ z^ ts^ dz^ "
    "tS^ dZ^ S; Z; t. d. n. l. s. z. ph th kh tsh tS;h J c B G H p' t' k' q g^ k^ L M"
)
_VOWELS: Final = (
    "a a: A A: aa aa: & e e: E E: i i: I I2 I: o o: O O: u u: U V V: @ @: 3 3: @L @2 a2 E2 aI eI OI aU oU "
    '@U I@ e@ U@ i@3 A@ O@ y y: Y W W: Y: 0 02 u" i" I" A~ O~ E~ W~ a~ e~ o~ ai ei oi au ou eu ui'
)
_LENGTH: Final = "ː"
_STRESSES: Final = {"ˈ": "'", "ˌ": ","}
# Sounds for those that a language may lack, the nearest first.
_NEAR: Final = {
    "th": "sft", "dh": "zvd", "sh": "ʂɕs", "zh": "ʐʑzʃ", "hh": "xħ", "r": "ɾrʁɻ", "w": "vʋu", "y": "ji", "ng": "n",
    "ch": "ʃt", "jh": "ʒʃd", "v": "wβf", "z": "s", "g": "ɣk", "b": "βp", "d": "ðt", "f": "ɸp", "k": "c", "l": "ɫ",
    "iy": "ɪ", "ih": "ie", "ey": "ɛ", "eh": "eæ", "ae": "aɛ", "aa": "aɒɐ", "ah": "ɐaɑə", "ao": "oɒ", "ow": "ɔ",
    "uh": "u", "uw": "ʊ", "er": "əœeɛ", "ay": "a", "aw": "a", "oy": "ɔo", "ax": "ɐɛeʌɤ", "ux": "ʏiu", "oe": "œɛeo",
}  # fmt: skip
_NEAR_SIGNS: Final = {"ʁ": "rɾɹ", "ʀ": "rɾɹ"}
_IGNORED: Final = frozenset(".|‖‿ \u0361\u035c")


class PhonemeTable:
    """The mnemonics of one language."""

    def __init__(self, listen: Listen) -> None:
        """Asks the library, a few hundredths of a second."""
        self._mnemonics: dict[str, str] = {}
        self._vowels: set[str] = set()
        for mnemonic in _VOWELS.split():
            self._learn(mnemonic, _between(listen(f"p{mnemonic}p"), 1, 1), is_vowel=True)
        # Before a vowel first: between vowels many languages have another sound for the same letter.
        for mnemonic in _CONSONANTS.split():
            self._learn(mnemonic, _between(listen(f"{mnemonic}a"), 0, 1), is_vowel=False)
        for mnemonic in _CONSONANTS.split():
            self._learn(mnemonic, _between(listen(f"a{mnemonic}a"), 1, 1), is_vowel=False)

    def mnemonics(self, ipa: str) -> str:
        """Returns what espeak-ng reads as `ipa`; sounds that the language lacks become the nearest it has.

        Raises:
            ValueError: A sound for which it has nothing.
        """
        said: list[str] = []
        stress = ""
        position = 0
        while position < len(ipa):
            sign = ipa[position]
            if sign in _STRESSES:
                stress = _STRESSES[sign]
                position += 1
                continue
            if sign in _IGNORED:
                position += 1
                continue
            length, mnemonic = self._longest(ipa, position)
            if mnemonic:
                is_vowel = mnemonic in self._vowels
                # The underscore keeps neighbours from being read as one.
                said.append((stress if is_vowel else "") + mnemonic)
                stress = "" if is_vowel else stress
            position += length
        return "|".join(said)

    def _longest(self, ipa: str, position: int) -> tuple[int, str]:
        """Length of the next sound and its mnemonic, empty for a mark."""
        for length in range(min(4, len(ipa) - position), 0, -1):
            mnemonic = self._mnemonics.get(ipa[position : position + length])
            if mnemonic:
                return length, mnemonic
        sign = ipa[position]
        phones = [phone for phone in classes_of_ipa(sign) if phone != SILENCE]
        if not phones:
            return 1, ""
        for nearest in (*_NEAR_SIGNS.get(sign, ""), IPA_OF_CLASS[phones[0]], *_NEAR.get(phones[0], "")):
            for form in (nearest, nearest + _LENGTH):
                if form in self._mnemonics:
                    return 1, self._mnemonics[form]
        raise ValueError(f"this language has nothing near the sound {sign!r}")

    def _learn(self, mnemonic: str, ipa: str, *, is_vowel: bool) -> None:
        # The first of several mnemonics of a sound is the plainest.
        if ipa and ipa not in self._mnemonics and any(sign not in "pa" for sign in ipa) | (ipa == mnemonic):
            self._mnemonics[ipa] = mnemonic
            if is_vowel:
                self._vowels.add(mnemonic)


def _between(heard: list[str], before: int, behind: int) -> str:
    """The sounds between the frame's, as one string without stress; empty if the frame was not understood."""
    sounds = ["".join(sign for sign in sound if sign not in _STRESSES) for sound in heard if sound]
    return "".join(sounds[before : len(sounds) - behind]) if len(sounds) == before + behind + 1 else ""
