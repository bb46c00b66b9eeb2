"""What was seen of a face in a film → curves and head poses on the clock that is asked for.

Frame j of the result shows the middle of its interval, as everywhere; a picture of the film counts for the middle of
the time that it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from visage.animation.face_tracking import SeenFrame
from visage.media.arkit import CURVE_INDEX, CURVE_NAMES
from visage.media.clip_solver import STEADINESS, resting_face, solve_clip
from visage.media.curves import POSE_LIMITS, CurveClip
from visage.media.landmark_response import corrected_curves, corrected_poses, matched_opening
from visage.media.smoothing import smoothed
from visage.media.windows import Array, smooth_step


def _noise_of(name: str) -> float:
    # Lids are widened and irises raised by a few pixels, whose noise is scaled up along with them.
    return 0.2 if name.startswith(("EyeWide", "EyeLookUp", "EyeLookDown")) else 0.06


DEFAULT_SMOOTHING: Final = 0.3
_CURVE_WIDTH_S: Final = 0.2
_POSE_WIDTH_S: Final = 0.3
"""Of the smoothing at its strongest."""
_CURVE_NOISE: Final = np.array([_noise_of(name) for name in CURVE_NAMES])
_POSE_NOISE: Final = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 8.0])
"""What landmarks tremble by on a face that holds still."""
_HOLD_S: Final = 0.3
_EASE_S: Final = 0.6
"""Without a face the last one is held, then eases to rest, and back before the face is seen again."""
_STRAIGHT_SHARE: Final = 0.7
"""Of the pose range that is taken over as it is; what lies beyond is bent so that it never hits the end."""
_MOST_SHOWN: Final = 2.0
"""Pictures shown longer than this many usual intervals are taken for the start of it."""
_BLINKS: Final = [CURVE_INDEX["EyeBlinkLeft"], CURVE_INDEX["EyeBlinkRight"]]


@dataclass(frozen=True, slots=True)
class Driving:
    """How a film drives: the first usable frame is neutral, scale of head motion, 0..1 of smoothing."""

    from_first_frame: bool = False
    head_motion: float = 1.0
    smoothing: float = DEFAULT_SMOOTHING


@dataclass(frozen=True, slots=True, eq=False)
class FollowedFace:
    """The clip, the times in seconds between which no face was seen, and what landmarks leave unexplained."""

    clip: CurveClip
    gaps: tuple[tuple[float, float], ...]
    residual_mm: float


def curves_of(seen: Sequence[SeenFrame], end_s: float, frame_rate: Fraction, driving: Driving) -> FollowedFace:
    """Solves, smooths and resamples; at least one of the frames shows a face. Takes about 2 ms a frame."""
    starts = np.array([frame.at_s for frame in seen])
    times = _middles(starts, end_s)
    is_seen = np.array([frame.landmarks is not None for frame in seen])
    landmarks = np.stack([frame.landmarks for frame in seen if frame.landmarks is not None])
    rest = resting_face(landmarks, driving.from_first_frame)
    share = driving.smoothing
    solved = solve_clip(landmarks, times[is_seen], rest, STEADINESS * share / DEFAULT_SMOOTHING)
    curves, poses = np.empty_like(solved.curves), np.empty_like(solved.poses)
    for part in _unbroken(is_seen):
        moments = times[is_seen][part]
        curves[part] = smoothed(solved.curves[part], moments, share * _CURVE_WIDTH_S, _CURVE_NOISE)
        poses[part] = smoothed(solved.poses[part], moments, share * _POSE_WIDTH_S, _POSE_NOISE)
    # After smoothing, so that what trembles is not enlarged first.
    curves, poses = matched_opening(corrected_curves(curves), solved.openings_mm), corrected_poses(poses)
    count = max(1, math.ceil(Fraction(end_s).limit_denominator(100_000) * frame_rate))
    wanted = (np.arange(count) + 0.5) / float(frame_rate)
    gaps = _gaps(starts, is_seen, end_s)
    known, here = times[is_seen], _presence(wanted, gaps, end_s)[:, None]
    clip = CurveClip(
        frame_rate,
        np.clip(_resampled(curves, known, wanted) * here, 0, 1).astype(np.float32),
        (_bent(_interpolated(poses * driving.head_motion, known, wanted)) * here).astype(np.float32),
    )
    return FollowedFace(clip, gaps, float(solved.residuals_mm.mean()))


def _middles(starts: Array, end_s: float) -> Array:
    """When each picture is half over."""
    shown = np.diff(np.append(starts, max(end_s, starts[-1])))
    usual = float(np.median(shown[:-1])) if len(shown) > 1 else float(shown[0])
    return np.asarray(starts + np.minimum(shown, _MOST_SHOWN * usual) / 2)


def _unbroken(is_seen: Array) -> list[slice]:
    """Runs of frames with a face, as slices of those frames."""
    runs: list[slice] = []
    count = 0
    for index, seen in enumerate(is_seen):
        if not seen:
            continue
        if index and is_seen[index - 1]:
            runs[-1] = slice(runs[-1].start, count + 1)
        else:
            runs.append(slice(count, count + 1))
        count += 1
    return runs


def _gaps(starts: Array, is_seen: Array, end_s: float) -> tuple[tuple[float, float], ...]:
    """Times from the start of the first picture without a face to that of the next one with it."""
    gaps: list[tuple[float, float]] = []
    since_s: float | None = None
    for start_s, seen in zip(starts.tolist(), is_seen.tolist(), strict=True):
        if not seen and since_s is None:
            since_s = start_s
        elif seen and since_s is not None:
            gaps.append((since_s, start_s))
            since_s = None
    return tuple(gaps if since_s is None else [*gaps, (since_s, end_s)])


def _presence(wanted: Array, gaps: Sequence[tuple[float, float]], end_s: float) -> Array:
    """[n] 0..1: how much of the face is shown, 0 in the midst of a gap."""
    here = np.ones(len(wanted))
    for from_s, to_s in gaps:
        going = smooth_step(from_s + _HOLD_S, from_s + _HOLD_S + _EASE_S, wanted)
        coming = smooth_step(to_s, to_s - _EASE_S, wanted)
        # Before the first face nothing is held, and after the last one nothing is eased to.
        here = np.minimum(here, 1 - (going if from_s > 0 else 1.0) * (coming if to_s < end_s else 1.0))
    return here


def _interpolated(values: Array, times: Array, wanted: Array) -> Array:
    return np.stack([np.interp(wanted, times, column) for column in values.T], axis=1)


def _resampled(curves: Array, times: Array, wanted: Array) -> Array:
    """[frames, 52]; lids that meet at any time of a frame meet in it."""
    frames = _interpolated(curves, times, wanted)
    half_s = (wanted[1] - wanted[0]) / 2 if len(wanted) > 1 else 0.0
    first, last = np.searchsorted(times, wanted - half_s), np.searchsorted(times, wanted + half_s)
    for frame, (start, stop) in enumerate(zip(first, last, strict=True)):
        if stop > start:
            frames[frame, _BLINKS] = np.maximum(frames[frame, _BLINKS], curves[start:stop, _BLINKS].max(0))
    return frames


def _bent(poses: Array) -> Array:
    """Poses within the renderer's range, straight in its middle and bent towards its ends."""
    straight = _STRAIGHT_SHARE * POSE_LIMITS.astype(np.float64)
    left = POSE_LIMITS - straight
    beyond = np.maximum(np.abs(poses) - straight, 0)
    return np.asarray(np.sign(poses) * (np.minimum(np.abs(poses), straight) + left * np.tanh(beyond / left)))
