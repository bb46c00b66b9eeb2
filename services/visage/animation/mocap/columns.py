"""Columns of recordings: which name means what, in which unit.

Every reader fills rows of `COLUMN_COUNT` values: ARKit's 52 curves, the 16 tongue shapes, the head pose (degrees and
millimetres, as `visage.media.curves` counts them) and where the eyes look (degrees to the picture's right and up).
What a recording does not tell is NaN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from visage.media.arkit import CURVE_COUNT, CURVE_NAMES
from visage.media.curves import POSE_COUNT
from visage.media.tongue import TONGUE_COUNT, TONGUE_NAMES

CURVES: Final = slice(0, CURVE_COUNT)
TONGUE: Final = slice(CURVE_COUNT, CURVE_COUNT + TONGUE_COUNT)
SHAPES: Final = slice(0, TONGUE.stop)
"""What is a coefficient, 0..1."""
POSE: Final = slice(TONGUE.stop, TONGUE.stop + POSE_COUNT)
EYES: Final = slice(POSE.stop, POSE.stop + 4)
"""Left yaw, left pitch, right yaw, right pitch."""
COLUMN_COUNT: Final = EYES.stop

_EYE_NAMES: Final = ("LeftEyeYaw", "LeftEyePitch", "RightEyeYaw", "RightEyePitch")
_HEAD_NAMES: Final = ("HeadYaw", "HeadPitch", "HeadRoll", "HeadX", "HeadY", "HeadZ")
COLUMN_NAMES: Final = CURVE_NAMES + TONGUE_NAMES + _HEAD_NAMES + _EYE_NAMES
"""Names as our own files write them, in the order of a row."""

_PLACE: Final = {name.lower(): index for index, name in enumerate(COLUMN_NAMES)}
_SIDE: Final = re.compile("_(l|r)$")
_PREFIX: Final = "blendshapes."
# Known, and of no use.
_UNUSED: Final = frozenset({"blendshapecount", "lefteyeroll", "righteyeroll"})

_DEGREES: Final = 180 / math.pi
_OWN_SCALES: Final[Mapping[str, float]] = {"HeadX": 1000.0, "HeadY": 1000.0, "HeadZ": 1000.0}
# Unreal Engine's Live Link Face, not mirrored: yaw > 0 turns towards the subject's left, pitch > 0 lowers the face,
# roll > 0 tilts it towards the subject's right shoulder; the eyes likewise, within the head.
_LIVE_LINK_SCALES: Final[Mapping[str, float]] = {
    "HeadYaw": _DEGREES,
    "HeadPitch": -_DEGREES,
    "HeadRoll": -_DEGREES,
    "LeftEyeYaw": _DEGREES,
    "LeftEyePitch": -_DEGREES,
    "RightEyeYaw": _DEGREES,
    "RightEyePitch": -_DEGREES,
}


@dataclass(frozen=True, slots=True)
class Column:
    """Where a value of a row goes: its place there, and what it is multiplied by on the way."""

    place: int
    scale: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of one file.

    Attributes:
        sources: Positions in the file's rows.
        targets: What each of them is.
        ignored: Names that are not known or stand twice.
    """

    sources: tuple[int, ...]
    targets: tuple[Column, ...]
    ignored: tuple[str, ...]


def column_of(name: str, *, is_live_link: bool = False) -> Column | None:
    """Returns what a name means, whatever its case; None where it means nothing.

    "blendShapes." may stand before it, and "_L" or "_R" for Left and Right behind it. A head pose with that prefix is
    of an unknown unit and means nothing.
    """
    plain = name.strip().lower()
    has_prefix = plain.startswith(_PREFIX)
    plain = _SIDE.sub(lambda side: "left" if side[1] == "l" else "right", plain.removeprefix(_PREFIX))
    place = _PLACE.get(plain)
    if place is None or (has_prefix and place >= POSE.start):
        return None
    scales = _LIVE_LINK_SCALES if is_live_link else _OWN_SCALES
    return Column(place, scales.get(COLUMN_NAMES[place], 1.0))


def read_columns(names: Sequence[str], skipped: Iterable[int], *, is_live_link: bool) -> Columns:
    """Returns the columns of a header; of two that mean the same, the first counts.

    Args:
        names: As the file has them.
        skipped: Positions that are no values, such as the time.
        is_live_link: Rotations are in radians, with Live Link's signs.
    """
    without = set(skipped)
    found: dict[int, tuple[int, Column]] = {}
    ignored: list[str] = []
    for position, name in enumerate(names):
        if position in without or not name.strip() or name.strip().lower() in _UNUSED:
            continue
        column = column_of(name, is_live_link=is_live_link)
        if column is None or column.place in found:
            ignored.append(name.strip())
        else:
            found[column.place] = (position, column)
    pairs = list(found.values())
    return Columns(
        tuple(position for position, _ in pairs), tuple(column for _, column in pairs), tuple(dict.fromkeys(ignored))
    )
