"""The International Phonetic Alphabet as callers write it."""

from __future__ import annotations

import unicodedata
from typing import Final

from visage.media.phones import SILENCE, classes_of_ipa

MAX_LENGTH: Final = 100
_MARKS: Final = frozenset("ˈˌːˑ.|‖‿ʰʲʷˠˤ˞ⁿˡ'ˑ")


def check_ipa(written: str) -> str:
    """Returns IPA in the composed form, without white space around it.

    Raises:
        ValueError: Empty, too long, without a sound, or with signs that are not IPA; the message names them.
    """
    ipa = unicodedata.normalize("NFC", written.strip()).replace("g", "ɡ").replace("'", "ˈ").replace(":", "ː")
    if not ipa or len(ipa) > MAX_LENGTH:
        raise ValueError(f"attribute ph must hold 1 to {MAX_LENGTH} characters of IPA")
    foreign = sorted({sign for sign in ipa if not _is_ipa(sign)})
    if foreign:
        raise ValueError(f"ph {written!r} holds {', '.join(map(repr, foreign))}, which is not IPA")
    if set(classes_of_ipa(ipa)) == {SILENCE}:
        raise ValueError(f"ph {written!r} holds no sound")
    return ipa


def _is_ipa(sign: str) -> bool:
    if sign in _MARKS or sign.isspace() or unicodedata.combining(sign):
        return True
    # A sign that the table lacks is taken for a schwa.
    return classes_of_ipa(sign) != ("ax",) or sign in "əɘ"
