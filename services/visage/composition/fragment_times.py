"""How long the sound and the pictures of an MP4's fragments last, read back from the bytes that leave.

Source: ISO/IEC 14496-12, 8.3.2 tkhd, 8.4.2 mdhd, 8.4.3 hdlr, 8.6.6 elst, 8.8.3 trex, 8.8.7 tfhd, 8.8.8 trun,
8.8.12 tfdt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from visage.composition.boxes import iter_boxes

_PICTURES: Final = b"vide"
_SOUND: Final = b"soun"
_WORD: Final = 4
# Flags of tfhd and trun that say which words are there.
_BASE_OFFSET, _DESCRIPTION, _DEFAULT_DURATION = 0x1, 0x2, 0x8
_DATA_OFFSET, _FIRST_FLAGS, _SAMPLE_DURATION = 0x1, 0x4, 0x100
_PER_SAMPLE: Final = (_SAMPLE_DURATION, 0x200, 0x400, 0x800)


@dataclass(frozen=True, slots=True)
class _Track:
    """Units per second, units that the edit list takes off the start, units of a sample that says no duration."""

    timescale: int
    skipped: int
    sample_duration: int


class FragmentTimes:
    """Follows one file, segment by segment."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._kinds: dict[int, bytes] = {}
        self._ends_s: dict[bytes, Fraction] = {}

    def read(self, segment: bytes) -> Fraction | None:
        """Takes the next segment; returns by how many seconds the sound so far outlasts the pictures so far.

        Negative where pictures lack their sound; None for the init segment and for a file without sound.
        """
        for moov in _inside(segment, "moov"):
            self._read_tracks(moov)
        fragments = list(_inside(segment, "moof", "traf"))
        for fragment in fragments:
            self._read_fragment(fragment)
        if not fragments or _SOUND not in self._kinds.values():
            return None
        nothing = Fraction(0)
        return self._ends_s.get(_SOUND, nothing) - self._ends_s.get(_PICTURES, nothing)

    def _read_tracks(self, moov: bytes) -> None:
        durations = {_word(trex, 1): _word(trex, 3) for trex in _inside(moov, "mvex", "trex")}
        for trak in _inside(moov, "trak"):
            (header,) = _inside(trak, "tkhd")
            (media,) = _inside(trak, "mdia", "mdhd")
            (handler,) = _inside(trak, "mdia", "hdlr")
            track_id, timescale = (_word(box, 5 if box[0] else 3) for box in (header, media))
            edits = list(_inside(trak, "edts", "elst"))
            self._kinds[track_id] = handler[2 * _WORD : 3 * _WORD]
            self._tracks[track_id] = _Track(timescale, _skipped(edits), durations.get(track_id, 0))

    def _read_fragment(self, traf: bytes) -> None:
        (header,) = _inside(traf, "tfhd")
        (decode,) = _inside(traf, "tfdt")
        flags, track_id = _flags(header), _word(header, 1)
        track = self._tracks[track_id]
        duration = track.sample_duration
        if flags & _DEFAULT_DURATION:
            duration = _word(header, 2 + 2 * bool(flags & _BASE_OFFSET) + bool(flags & _DESCRIPTION))
        end = int.from_bytes(decode[_WORD:], "big")
        end += sum(_run_duration(run, duration) for run in _inside(traf, "trun"))
        self._ends_s[self._kinds[track_id]] = Fraction(end - track.skipped, track.timescale)


def _inside(data: bytes, *kinds: str) -> Iterator[bytes]:
    """Yields the bodies of all boxes below a path of kinds."""
    for box in iter_boxes(data):
        if box.kind == kinds[0]:
            body = box.body(data)
            if len(kinds) == 1:
                yield body
            else:
                yield from _inside(body, *kinds[1:])


def _word(body: bytes, index: int) -> int:
    return int.from_bytes(body[index * _WORD : (index + 1) * _WORD], "big")


def _flags(body: bytes) -> int:
    return _word(body, 0) & 0xFFFFFF


def _skipped(edits: list[bytes]) -> int:
    """Returns the media time at which the last edit starts: what comes before is the encoder's delay."""
    if not edits:
        return 0
    is_long = edits[0][0] == 1
    # Of each entry: duration, media time (-1: nothing is shown), rate.
    size, time = (5, 2) if is_long else (3, 1)
    last = 2 + size * (_word(edits[0], 1) - 1)
    width = 2 * _WORD if is_long else _WORD
    start = (last + time) * _WORD
    return max(int.from_bytes(edits[0][start : start + width], "big", signed=True), 0)


def _run_duration(run: bytes, default: int) -> int:
    flags, count = _flags(run), _word(run, 1)
    if not flags & _SAMPLE_DURATION:
        return count * default
    first = 2 + bool(flags & _DATA_OFFSET) + bool(flags & _FIRST_FLAGS)
    step = sum(bool(flags & flag) for flag in _PER_SAMPLE)
    return sum(_word(run, first + step * index) for index in range(count))
