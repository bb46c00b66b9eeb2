"""BVH: the rotations of head and neck.

A file is a HIERARCHY of joints with their channels and a MOTION of one line a frame. The head turns by what the joints
from the first neck to the head do, one after another; the body below is left out. The figure is taken to stand as BVH
files have it: y up, facing +z, its left along +x. A rest pose that is not all zeros is the calibration's business.
Source: Meredith & Maddock, "Motion capture file formats explained", 2001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.mocap.columns import COLUMN_COUNT, POSE
from visage.animation.mocap.lines import FIELD
from visage.animation.mocap.rows import Findings, Rows
from visage.media.head_pose import angles_of
from visage.runtime.errors import InvalidField, MediaUndecodable

MOST_JOINTS: Final = 512
MOST_CHANNELS: Final = 4096
_DEEPEST: Final = 128
_PARTS: Final = ("end", "nub", "top", "site", "effector", "front", "camera")
_AXES: Final = {"xrotation": 0, "yrotation": 1, "zrotation": 2}
_SHORTEST_FRAME_S: Final = 1 / 250
# From y up and z towards the viewer to y down and z away: the axes of `visage.media.head_pose`.
_FLIP: Final = np.diag([1.0, -1.0, -1.0])


@dataclass(slots=True)
class _Joint:
    """A joint: its name, its parents' places from the root on, and (column, axis) of its rotations, in order."""

    name: str
    path: tuple[int, ...]
    rotations: list[tuple[int, int]] = field(default_factory=list)

    def is_like(self, word: str) -> bool:
        """Whether it is named so, and is more than the end of such a joint."""
        name = self.name.lower()
        return word in name and bool(self.rotations) and not any(part in name for part in _PARTS)


class BvhReader:
    """Reads the hierarchy, then a pose of the head from each line of motion."""

    def __init__(self, findings: Findings) -> None:
        """Starts before the first line."""
        self.frame_rate: Fraction | None = None
        self._findings = findings
        self._joints: list[_Joint] = []
        self._open: list[int] = []
        self._named = ""
        self._columns = 0
        self._chain: list[_Joint] | None = None
        self._announced: int | None = None
        self._frame_s = 0.0
        self._line = 0
        self._count = 0

    @property
    def waiting(self) -> int:
        """None wait."""
        return 0

    def read(self, lines: list[str]) -> Rows:
        """Returns the rows of these lines.

        Raises:
            InvalidField: There are too many joints or channels.
            MediaUndecodable: The hierarchy is broken, or has neither head nor neck.
        """
        rows: list[list[float]] = []
        for line in lines:
            self._line += 1
            words = line.split()
            if not words:
                continue
            if self._chain is None:
                self._read_hierarchy(words)
            elif not self._frame_s:
                self._read_timing(words)
            else:
                rows.append(self._read_frame(words))
        return self._poses(rows)

    def finish(self) -> Rows:
        """Returns nothing more; raises MediaUndecodable if the file ends before its motion."""
        if not self._frame_s:
            raise MediaUndecodable(FIELD, "the BVH file ends before its motion")
        self._findings.mended["gap"] += max(0, (self._announced or 0) - self._count)
        return Rows.none()

    def _fail(self, cause: str) -> MediaUndecodable:
        return MediaUndecodable(FIELD, f"line {self._line}: {cause}")

    def _read_hierarchy(self, words: list[str]) -> None:
        word = words[0].upper()
        if word in ("ROOT", "JOINT", "END"):
            self._named = "end" if word == "END" else " ".join(words[1:])
        elif word == "{":
            if len(self._joints) >= MOST_JOINTS or len(self._open) >= _DEEPEST:
                raise InvalidField(
                    FIELD, f"more than {MOST_JOINTS} joints, or {_DEEPEST} within each other", MOST_JOINTS
                )
            self._open.append(len(self._joints))
            self._joints.append(_Joint(self._named, tuple(self._open)))
        elif word == "}":
            if not self._open:
                raise self._fail("a joint ends that did not begin")
            self._open.pop()
        elif word == "CHANNELS":
            self._read_channels(words[1:])
        elif word == "MOTION":
            if self._open or not self._joints:
                raise self._fail("the hierarchy is not complete")
            self._chain = self._find_head()
        elif word not in ("HIERARCHY", "OFFSET"):
            raise self._fail(f"{words[0][:40]!r} has no place in a hierarchy")

    def _read_channels(self, words: list[str]) -> None:
        if not self._open or not words or not words[0].isdecimal() or int(words[0]) != len(words) - 1:
            raise self._fail("the number of channels is not that of their names")
        joint = self._joints[self._open[-1]]
        for name in words[1:]:
            axis = _AXES.get(name.lower())
            if axis is not None:
                joint.rotations.append((self._columns, axis))
            self._columns += 1
        if self._columns > MOST_CHANNELS:
            raise InvalidField(FIELD, f"more than {MOST_CHANNELS} channels", MOST_CHANNELS)

    def _find_head(self) -> list[_Joint]:
        """The joints that turn the head, from the first neck on."""
        heads = [joint for joint in self._joints if joint.is_like("head")]
        necks = [joint for joint in self._joints if joint.is_like("neck")]
        if not heads and not necks:
            raise self._fail("no joint with rotations is named like head or neck")
        last = heads[0] if heads else max(necks, key=lambda joint: len(joint.path))
        path = [self._joints[place] for place in last.path]
        return [joint for joint in path if joint is last or joint.is_like("neck") or joint.is_like("head")]

    def _read_timing(self, words: list[str]) -> None:
        text = " ".join(words).lower()
        name, colon, value = text.partition(":")
        try:
            if colon and name.strip() == "frames":
                self._announced = int(value)
                return
            if colon and name.strip() == "frame time":
                frame_s = float(value)
                if not _SHORTEST_FRAME_S <= frame_s <= 10:
                    raise self._fail(f"a frame time of {value.strip()[:20]} s is not between 0.004 and 10 s")
                self._frame_s = frame_s
                self.frame_rate = 1 / Fraction(frame_s)
                return
        except ValueError:
            pass
        raise self._fail("expected Frames: and Frame Time:")

    def _read_frame(self, words: list[str]) -> list[float]:
        """Angles of the chain's rotations, in degrees; NaN where the line does not tell them."""
        assert self._chain is not None
        angles: list[float] = []
        for joint in self._chain:
            for column, _ in joint.rotations:
                try:
                    angles.append(float(words[column]))
                except (ValueError, IndexError):
                    angles.append(math.nan)
        return angles

    def _poses(self, rows: list[list[float]]) -> Rows:
        if not rows:
            return Rows.none()
        assert self._chain is not None
        angles = np.array(rows, np.float64)
        is_known = (np.abs(angles) < 1e6).all(axis=1)
        self._findings.mended["not_finite"] += int((~is_known).sum())
        turned = np.broadcast_to(np.eye(3), (len(rows), 3, 3))
        column = 0
        for joint in self._chain:
            for _, axis in joint.rotations:
                turned = turned @ _about(axis, np.where(is_known, angles[:, column], 0.0))
                column += 1
        values = np.full((len(rows), COLUMN_COUNT), np.nan, np.float32)
        values[is_known, POSE.start : POSE.start + 3] = angles_of(_FLIP @ turned @ _FLIP)[is_known]
        times = np.arange(self._count, self._count + len(rows), dtype=np.float64) * self._frame_s
        self._count += len(rows)
        return Rows(times, values)


def _about(axis: int, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """[rows, 3, 3] right-handed rotations about x, y or z."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrices = np.zeros((len(degrees), 3, 3))
    one, two = [(1, 2), (2, 0), (0, 1)][axis]
    matrices[:, axis, axis] = 1
    matrices[:, one, one] = matrices[:, two, two] = cosine
    matrices[:, one, two], matrices[:, two, one] = -sine, sine
    return matrices
