"""Visemes over time as phones: each viseme is spoken as the phone that looks most like it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from visage.media.phones import TimedPhone
from visage.media.visemes import VISEMES
from visage.runtime.errors import InvalidField
from visage.runtime.wire import TIME_TOLERANCE_S, phones_of, seconds_of
from visage.v1 import curves_pb2

# An m keeps the lips together for as long as it lasts; p and b would part them before their end.
SPOKEN_AS: Final[Mapping[str, str]] = {
    "sil": "sil",
    "pp": "m",
    "ff": "f",
    "th": "th",
    "dd": "d",
    "kk": "k",
    "ch": "ch",
    "ss": "s",
    "nn": "n",
    "rr": "r",
    "aa": "aa",
    "e": "eh",
    "ih": "ih",
    "oh": "ao",
    "ou": "uw",
}
"""Viseme → the phone class that looks most like it."""


def timed_phones(timing: curves_pb2.SpeechTiming, field: str = "timing") -> list[TimedPhone]:
    """Returns the phones of a timed transcript: its phonemes, or, where it has none, what its visemes look like.

    Raises:
        InvalidField: Spans overlap, are out of order or end before they start, or a viseme does not exist.
    """
    return phones_of(timing, field) if timing.phonemes else _phones_of_visemes(timing, field)


def _phones_of_visemes(timing: curves_pb2.SpeechTiming, field: str) -> list[TimedPhone]:
    phones: list[TimedPhone] = []
    end_s = 0.0
    for index, span in enumerate(timing.visemes):
        path = f"{field}.visemes[{index}]"
        phone = SPOKEN_AS.get(span.viseme.lower())
        if phone is None:
            raise InvalidField(f"{path}.viseme", f"unknown viseme {span.viseme!r}", ", ".join(VISEMES))
        start_s, stop_s = seconds_of(span.start_offset), seconds_of(span.end_offset)
        if start_s < end_s - TIME_TOLERANCE_S:
            raise InvalidField(f"{path}.start_offset", f"starts before {end_s:.3f} s, the end of the one before it")
        if stop_s < start_s:
            raise InvalidField(f"{path}.end_offset", "ends before it starts")
        end_s = stop_s
        phones.append(TimedPhone(phone, start_s, stop_s))
    return phones
