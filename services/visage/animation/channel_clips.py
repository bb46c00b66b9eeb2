"""Whole clips of any layout, and their way into another layout and frame rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.resampling import LIDS, is_same_grid, resampled
from visage.animation.viseme_timing import SPOKEN_AS
from visage.media.arkit import CURVE_COUNT
from visage.media.articulation import EXPANSION
from visage.media.curve_schemas import SCHEMAS, VISEME_SCHEMA
from visage.media.curves import POSE_COUNT, resting_poses
from visage.media.phones import PHONE_INDEX
from visage.media.tongue import TONGUE_COUNT, TONGUE_OF_PHONE
from visage.media.viseme_curves import curves_of_visemes, visemes_of_curves
from visage.media.visemes import VISEMES

Array = NDArray[np.float32]

_UNMOVED: Final = 1e-4
_TONGUE_OF_VISEME: Final[Array] = TONGUE_OF_PHONE[[PHONE_INDEX[SPOKEN_AS[name]] for name in VISEMES]]
"""[15, 16] the tongue of the phone that looks like each viseme."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelClip:
    """A whole performance in one layout.

    Attributes:
        schema: Resource name of the layout.
        frame_rate: Frames per second.
        values: [frames, channels] in the layout's order; 0 where nothing was sent.
        told: [channels] which channels the clip has anything to say of.
        poses: [frames, 6] degrees and millimetres; None where it has nothing to say of the head.
    """

    schema: str
    frame_rate: Fraction
    values: Array
    told: NDArray[np.bool_]
    poses: Array | None

    @property
    def frame_count(self) -> int:
        """Frames in this clip."""
        return len(self.values)

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the first to the end of the last frame."""
        return float(self.frame_count / self.frame_rate)


def in_schema(clip: ChannelClip, schema: str) -> tuple[ChannelClip, list[str]]:
    """Returns a clip in another layout, and the channels that moved and are lost there.

    Faces give visemes the mouths of which are nearest; visemes give the mean mouth of their phones, and their tongue.
    """
    if clip.schema == schema:
        return clip, []
    source, target = SCHEMAS[clip.schema], SCHEMAS[schema]
    channels = target.channels
    if target.is_face and source.is_face:
        shared = min(len(source.channels), len(channels))
        values, told = np.zeros((clip.frame_count, len(channels)), np.float32), np.zeros(len(channels), bool)
        values[:, :shared], told[:shared] = clip.values[:, :shared], clip.told[:shared]
        lost = _moved(clip, range(shared, len(source.channels)))
    elif source.is_face:
        values, told = visemes_of_curves(clip.values[:, :CURVE_COUNT]), np.ones(len(channels), bool)
        mouth = np.asarray(EXPANSION.any(axis=0))
        lost = _moved(
            clip, [index for index in range(len(source.channels)) if index >= CURVE_COUNT or not mouth[index]]
        )
    else:
        tongue = np.clip(clip.values @ _TONGUE_OF_VISEME, 0, 1)
        values = np.concatenate([curves_of_visemes(clip.values), tongue], axis=1)[:, : len(channels)]
        told = np.concatenate([EXPANSION.any(axis=0), np.ones(TONGUE_COUNT, bool)])[: len(channels)]
        lost = []
    return ChannelClip(schema, clip.frame_rate, values.astype(np.float32), told, clip.poses), lost


def at_rate(clip: ChannelClip, frame_rate: Fraction, start_s: float, frames: range) -> ChannelClip:
    """Returns frames of a clip that starts at `start_s`, at another rate; before and after, its ends hold."""
    table = np.concatenate([clip.values, resting_poses(clip.frame_count) if clip.poses is None else clip.poses], axis=1)
    starts = np.arange(clip.frame_count) / float(clip.frame_rate)
    if start_s == 0 and frames == range(clip.frame_count) and is_same_grid(starts, frame_rate):
        made = table
    else:
        middles = start_s + starts + 0.5 / float(clip.frame_rate)
        peaks = LIDS if SCHEMAS[clip.schema].is_face else ()
        made = resampled(middles, table, float(1 / clip.frame_rate), frame_rate, frames, peaks)
    width = clip.values.shape[1]
    poses = None if clip.poses is None else made[:, width : width + POSE_COUNT]
    return replace(clip, frame_rate=frame_rate, values=made[:, :width], poses=poses)


def in_range(values: Array, schema: str) -> tuple[Array, list[str]]:
    """Returns [frames, channels] within 0..1, visemes with sum 1, and the channels that were out of range."""
    outside = ((values < -0.01) | (values > 1.01)).any(axis=0)
    clamped: Array = np.clip(values, 0, 1).astype(np.float32)
    if schema == VISEME_SCHEMA:
        spoken = clamped[:, 1:].sum(axis=1, keepdims=True)
        clamped[:, 1:] /= np.maximum(spoken, 1)
        clamped[:, 0] = np.maximum(1 - clamped[:, 1:].sum(axis=1), 0)
    return clamped, [SCHEMAS[schema].channels[index] for index in np.flatnonzero(outside)]


def _moved(clip: ChannelClip, places: range | list[int]) -> list[str]:
    """Names of those channels that are not always 0."""
    channels = SCHEMAS[clip.schema].channels
    return [channels[place] for place in places if np.abs(clip.values[:, place]).max(initial=0) > _UNMOVED]
