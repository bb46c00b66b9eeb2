"""The 15 visemes that lip-sync runtimes commonly speak: what a listener sees of each phone class.

Source of the set and its names: Oculus LipSync (Meta), "Viseme reference".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PHONES_OF_VISEME: Final[Mapping[str, str]] = {
    "sil": "sil",
    "pp": "p b m",
    "ff": "f v",
    "th": "th dh",
    "dd": "t d",
    "kk": "k g ng hh",
    "ch": "ch jh sh zh",
    "ss": "s z",
    "nn": "n l",
    "rr": "r er",
    "aa": "aa ae ah ay aw",
    "e": "eh ey ax",
    "ih": "ih iy y",
    "oh": "ao ow oy",
    "ou": "uw uh w ux oe",
}

VISEMES: Final[tuple[str, ...]] = tuple(_PHONES_OF_VISEME)
"""Viseme ids, in the order of their numbers 0..14."""

VISEME_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(VISEMES)}
"""Viseme id → number."""

_VISEME_OF_PHONE: Final[dict[str, str]] = {
    phone: viseme for viseme, phones in _PHONES_OF_VISEME.items() for phone in phones.split()
}


def viseme_of(phone: str) -> str:
    """Viseme id of a phone class; a diphthong has that of its first half.

    Raises:
        KeyError: Not one of `visage.media.phones.PHONE_CLASSES`.
    """
    return _VISEME_OF_PHONE[phone]
