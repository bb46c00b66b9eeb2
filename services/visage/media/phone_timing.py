"""Phone times as speech engines report them → `TimedPhone`, corrected to when the mouth moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.phones import SILENCE, VOWELS, TimedPhone, class_of_arpabet, classes_of_ipa

PRIMARY_STRESS: Final = 1.08
SECONDARY_STRESS: Final = 1.0
NO_STRESS: Final = 0.92
# espeak-ng reports these at their burst; the closure before it is digital silence.
_BURST_TIMED: Final = frozenset("ptkcq")
_LONGEST_CLOSURE_S: Final = 0.09
_CLOSURE_STEP_S: Final = 0.002
_SILENT_LEVEL: Final = 40
_BURST_S: Final = 0.004


def phones_from_segments(segments: Sequence[tuple[str, float, float]], *, offset_s: float = 0.0) -> list[TimedPhone]:
    """Phones of ARPAbet segments, as flite and festival label them.

    Args:
        segments: (symbol, start, end) in seconds, ascending.
        offset_s: Added to all times: how far the labels of a voice run ahead of its audio.

    Raises:
        ValueError: A symbol that ARPAbet lacks.
    """
    return _join_silences(
        [
            TimedPhone(class_of_arpabet(symbol), max(0.0, start_s + offset_s), end_s + offset_s)
            for symbol, start_s, end_s in segments
            if end_s > start_s and end_s + offset_s > 0
        ]
    )


def phones_from_espeak(
    events: Sequence[tuple[str, float]], pcm: NDArray[np.int16], sample_rate_hz: int
) -> list[TimedPhone]:
    """Phones of espeak-ng's phoneme events.

    Unvoiced plosives are reported at their burst: their start is moved back over the silence before it, and the burst
    becomes the release. Stress marks become `TimedPhone.stress`.

    Args:
        events: (IPA, start in seconds), ascending; empty IPA is a pause.
        pcm: [samples] of the utterance.
        sample_rate_hz: Of `pcm`.
    """
    if not events:
        return []
    starts_s = [start_s for _, start_s in events]
    ends_s = [*starts_s[1:], len(pcm) / sample_rate_hz]
    releases_s: list[float | None] = [None] * len(events)
    for index, (ipa, burst_s) in enumerate(events):
        if ipa.lstrip("ˈˌ")[:1] not in _BURST_TIMED:
            continue
        closure_s = _closure_start_s(pcm, sample_rate_hz, burst_s)
        if index:
            earliest_s = starts_s[index - 1]
            if classes_of_ipa(events[index - 1][0]) != (SILENCE,):
                earliest_s += 0.3 * (ends_s[index - 1] - earliest_s)
            closure_s = min(max(closure_s, earliest_s), burst_s)
            ends_s[index - 1] = closure_s
        starts_s[index] = closure_s
        releases_s[index] = burst_s + _BURST_S
    phones: list[TimedPhone] = []
    for (ipa, _), start_s, end_s, release_s in zip(events, starts_s, ends_s, releases_s, strict=True):
        if end_s > start_s:
            phones += _split_event(ipa, start_s, end_s, release_s)
    if phones and phones[0].start_s > 0:
        phones.insert(0, TimedPhone(SILENCE, 0.0, phones[0].start_s))
    return _join_silences(phones)


def _split_event(ipa: str, start_s: float, end_s: float, release_s: float | None) -> list[TimedPhone]:
    """The phones of one event, which share its time equally."""
    stress = PRIMARY_STRESS if "ˈ" in ipa else SECONDARY_STRESS if "ˌ" in ipa else NO_STRESS
    phones = classes_of_ipa(ipa)
    bounds = np.linspace(start_s, end_s, len(phones) + 1).tolist()
    return [
        TimedPhone(
            phone,
            bounds[index],
            bounds[index + 1],
            stress if phone in VOWELS else 1.0,
            release_s if phone == "p" and release_s is not None and release_s < bounds[index + 1] else None,
        )
        for index, phone in enumerate(phones)
    ]


def _closure_start_s(pcm: NDArray[np.int16], sample_rate_hz: int, burst_s: float) -> float:
    """Where the silence that ends at the burst began, in seconds."""
    step = int(_CLOSURE_STEP_S * sample_rate_hz)
    position = int(burst_s * sample_rate_hz)
    earliest = max(0, position - int(_LONGEST_CLOSURE_S * sample_rate_hz))
    # Wider than int16, whose most negative value has no absolute value.
    level = np.abs(pcm[earliest:position].astype(np.int32))
    start = len(level)
    while start - step > 0 and level[start - step : start].max() < _SILENT_LEVEL:
        start -= step
    return (earliest + start) / sample_rate_hz


def _join_silences(phones: Sequence[TimedPhone]) -> list[TimedPhone]:
    """`phones` with neighbouring silences made one."""
    joined: list[TimedPhone] = []
    for phone in phones:
        if joined and joined[-1].phone == phone.phone == SILENCE:
            joined[-1] = TimedPhone(SILENCE, joined[-1].start_s, phone.end_s)
        else:
            joined.append(phone)
    return joined
