"""Facial performances: 52 ARKit curves and a head pose per frame, as blocks of a stream or as one clip.

Curves are 0..1 in the order of `visage.media.arkit.CURVE_NAMES`. A pose is yaw, pitch, roll in degrees, applied in
this order, then x (to the image's right), y (down) and z (away from the viewer) in millimetres. Frame j shows the
middle of its interval, (j + 0.5) / frame_rate seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visage.media.arkit import CURVE_COUNT, CURVE_NAMES
from visage.media.emotions import EMOTION_COUNT
from visage.media.phones import PHONE_COUNT
from visage.media.tongue import TONGUE_COUNT

Array = NDArray[np.float32]

ARKIT_SCHEMA: Final = "curveSchemas/arkit-52"
"""Resource name of the channel layout that all services work in: `CURVE_NAMES`, in this order."""

POSE_NAMES: Final = ("yaw_degrees", "pitch_degrees", "roll_degrees", "x_mm", "y_mm", "z_mm")
POSE_COUNT: Final = len(POSE_NAMES)
POSE_LIMITS: Final[Array] = np.array([20, 15, 20, 12, 12, 40], np.float32)
"""[6] largest magnitudes that a renderer shows honestly."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveBlock:
    """Consecutive frames of a performance.

    Attributes:
        start_frame: Index of the first frame in its stream.
        curves: [frames, 52] coefficients.
        poses: [frames, 6], or None where the head rests.
        phones: [frames, 43] share of each phone class in what is said; None where that is not known.
        emotions: [frames, 10] weights in the order of `visage.media.emotions.EMOTIONS`, or None where nobody asked.
        tongue: [frames, 16] tongue shapes that were recorded; None where they follow the phones.
    """

    start_frame: int
    curves: Array
    poses: Array | None = None
    phones: Array | None = None
    emotions: Array | None = None
    tongue: Array | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for wrong shapes, a negative start or values that are not finite."""
        if self.start_frame < 0:
            raise ValueError(f"start_frame must not be negative, it is {self.start_frame}")
        object.__setattr__(self, "curves", _checked(self.curves, CURVE_COUNT, "curves"))
        for name, values, columns in (
            ("poses", self.poses, POSE_COUNT),
            ("phones", self.phones, PHONE_COUNT),
            ("emotions", self.emotions, EMOTION_COUNT),
            ("tongue", self.tongue, TONGUE_COUNT),
        ):
            if values is not None:
                object.__setattr__(self, name, _checked(values, columns, name))
                if len(values) != len(self.curves):
                    raise ValueError(f"{len(values)} {name} for {len(self.curves)} frames of curves")

    def part(self, start: int, stop: int) -> CurveBlock:
        """Returns rows `start` to `stop`; the last may lie beyond the end."""

        def rows(values: Array | None) -> Array | None:
            return None if values is None else values[start:stop]

        return CurveBlock(
            self.start_frame + start,
            self.curves[start:stop],
            rows(self.poses),
            rows(self.phones),
            rows(self.emotions),
            rows(self.tongue),
        )

    @property
    def frame_count(self) -> int:
        """Frames in this block."""
        return len(self.curves)

    @property
    def end_frame(self) -> int:
        """Index of the frame after the last."""
        return self.start_frame + len(self.curves)


@dataclass(frozen=True, slots=True, eq=False)
class CurveClip:
    """A whole performance.

    Attributes:
        frame_rate: Frames per second.
        curves: [frames, 52] coefficients.
        poses: [frames, 6]; rest where nothing else was said.
    """

    frame_rate: Fraction
    curves: Array
    poses: Array

    def __post_init__(self) -> None:
        """Raises ValueError for wrong shapes, a rate that is not positive or values that are not finite."""
        if self.frame_rate <= 0:
            raise ValueError(f"frame_rate must be positive, it is {self.frame_rate}")
        object.__setattr__(self, "curves", _checked(self.curves, CURVE_COUNT, "curves"))
        object.__setattr__(self, "poses", _checked(self.poses, POSE_COUNT, "poses"))
        if len(self.poses) != len(self.curves):
            raise ValueError(f"{len(self.poses)} poses for {len(self.curves)} frames of curves")

    @classmethod
    def joined(cls, frame_rate: Fraction, blocks: Iterable[CurveBlock]) -> CurveClip:
        """Returns the clip that `blocks` make; raises ValueError if they leave gaps or overlap."""
        curves, poses, frame = [], [], 0
        for block in blocks:
            if block.start_frame != frame:
                raise ValueError(f"a block starts at frame {block.start_frame}, expected {frame}")
            frame = block.end_frame
            curves.append(block.curves)
            poses.append(resting_poses(block.frame_count) if block.poses is None else block.poses)
        return cls(
            frame_rate,
            np.concatenate([np.zeros((0, CURVE_COUNT), np.float32), *curves]),
            np.concatenate([resting_poses(0), *poses]),
        )

    @property
    def frame_count(self) -> int:
        """Frames in this clip."""
        return len(self.curves)

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the first to the end of the last frame."""
        return float(self.frame_count / self.frame_rate)

    def blocks(self, frames_per_block: int) -> Iterator[CurveBlock]:
        """Yields the frames in order, `frames_per_block` at a time."""
        for start in range(0, self.frame_count, frames_per_block):
            stop = start + frames_per_block
            yield CurveBlock(start, self.curves[start:stop], self.poses[start:stop])


def resting_poses(frame_count: int) -> Array:
    """[frame_count, 6] poses of a head at rest."""
    return np.zeros((frame_count, POSE_COUNT), np.float32)


def clamp_curves(curves: Array) -> tuple[Array, tuple[str, ...]]:
    """Returns [frames, 52] curves within 0..1 and the names of the channels that had to be clamped."""
    outside = ((curves < 0) | (curves > 1)).any(axis=0)
    clamped: Array = np.clip(curves, 0, 1)
    return clamped, tuple(CURVE_NAMES[index] for index in np.flatnonzero(outside))


def clamp_poses(poses: Array) -> tuple[Array, tuple[str, ...]]:
    """Returns [frames, 6] poses within `POSE_LIMITS` and the names of the components that had to be clamped."""
    outside = (np.abs(poses) > POSE_LIMITS).any(axis=0)
    clamped: Array = np.clip(poses, -POSE_LIMITS, POSE_LIMITS)
    return clamped, tuple(POSE_NAMES[index] for index in np.flatnonzero(outside))


def _checked(values: ArrayLike, columns: int, what: str) -> Array:
    """Returns [frames, columns] float32; raises ValueError for other shapes or values that are not finite."""
    array = np.asarray(values, np.float32)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"{what} must be [frames, {columns}], not {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite")
    return array
