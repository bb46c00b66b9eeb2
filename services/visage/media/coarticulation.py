"""Timed phones → face curves: neighbouring sounds blend as the articulators of a mouth do.

Every phone pulls each group of articulators towards its own pose; the pull (dominance) is strongest inside the phone
and decays exponentially before and after it. A curve is the mean of all poses weighted by their dominance, smoothed by
the group's inertia. Lips that must meet do meet: inside p, b and m the closure cancels the jaw's opening.

Source: Cohen & Massaro, "Modeling Coarticulation in Synthetic Visual Speech", 1993.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.media.articulation import (
    ANTICIPATION_S,
    CARRY_OVER_S,
    DIPHTHONGS,
    DOMINANCE,
    EXPANSION,
    GROUP_OF_CURVE,
    LOWER_FACE,
    LOWER_FACE_INDEX,
    SMOOTHING_S,
    TARGET,
)
from visage.media.phones import BILABIALS, LABIODENTALS, SILENCE, TimedPhone

Array = NDArray[np.float32]

REACH_S: Final = 0.7
"""Phones further away than this cannot change a frame: frames are final once phones are known so far ahead."""

# The blend is computed on one fixed grid, so that a frame comes out the same whichever frames are asked with it.
_GRID_HZ: Final = 100
_PULL_REACH_S: Final = 0.6
_SMOOTHING_REACH: Final = 8  # grid steps: 4 standard deviations of the slowest group
_CLOSURE_EDGE_S: Final = 0.022
_CLOSURE_SMOOTHING_S: Final = 0.006
_IDLE_DOMINANCE: Final = 1e-4
_SURROUNDING_SILENCE_S: Final = 1.0
# Below this length a phone pulls in proportion: a short schwa is hardly seen.
_FULL_PULL_S: Final = 0.05

_MOUTH_OPENERS: Final = [LOWER_FACE_INDEX[name] for name in ("JawOpen", "MouthLowerDown", "MouthUpperUp")]
_LIP_RAISERS: Final = [LOWER_FACE_INDEX[name] for name in ("MouthLowerDown", "MouthUpperUp")]
_SCALED_BY_EFFORT: Final = [*_MOUTH_OPENERS, LOWER_FACE_INDEX["MouthClose"]]
_JAW_OPEN: Final = LOWER_FACE_INDEX["JawOpen"]
_MOUTH_CLOSE: Final = LOWER_FACE_INDEX["MouthClose"]


@dataclass(frozen=True, slots=True)
class _Posture:
    """One pose held from `start_s` to `end_s`; a diphthong is two of them."""

    name: str
    start_s: float
    end_s: float
    stress: float


def articulate(
    phones: Sequence[TimedPhone],
    frame_count: int,
    frame_rate_hz: float,
    *,
    start_frame: int = 0,
    effort: float | Array = 1.0,
) -> Array:
    """Curves of the whole face in ARKit order while `phones` are spoken; see `articulate_lower_face`.

    Returns:
        [frame_count, 52] coefficients 0..1 in the order of `visage.media.arkit.CURVE_NAMES`; curves that speech does
        not move are 0.
    """
    lower_face = articulate_lower_face(phones, frame_count, frame_rate_hz, start_frame=start_frame, effort=effort)
    curves: Array = lower_face @ EXPANSION
    return curves


def articulate_lower_face(
    phones: Sequence[TimedPhone],
    frame_count: int,
    frame_rate_hz: float,
    *,
    start_frame: int = 0,
    effort: float | Array = 1.0,
) -> Array:
    """The 17 curves that speech moves, while `phones` are spoken.

    Frame j shows the middle of its interval, (start_frame + j + 0.5) / frame_rate_hz seconds. Gaps between phones and
    everything before the first and after the last count as silence. A block may be asked for before all phones are
    known: its frames are final if they lie at least `REACH_S` before the end of the last known phone, and nearly so
    from 0.2 s on.

    Args:
        phones: In ascending order of time.
        frame_count: How many frames.
        frame_rate_hz: Frames per second, any.
        start_frame: Index of the first frame on the phones' clock.
        effort: Scale of the mouth's opening, one for all or [frame_count]; 1 is conversation.

    Returns:
        [frame_count, 17] coefficients 0..1 in the order of `LOWER_FACE`.

    Raises:
        ValueError: The frame rate is not positive or `effort` has another length.
    """
    if not frame_rate_hz > 0:
        raise ValueError(f"frame_rate_hz must be positive, not {frame_rate_hz}")
    if frame_count <= 0:
        return np.zeros((0, len(LOWER_FACE)), np.float32)
    place = (start_frame + np.arange(frame_count) + 0.5) / frame_rate_hz * _GRID_HZ - 0.5
    before = np.floor(place).astype(np.int64)
    first, last = int(before[0]), int(before[-1]) + 1
    grid = _grid_curves(phones, first, last)
    share = (place - before).astype(np.float32)[:, None]
    curves = grid[before - first] * (1 - share) + grid[before - first + 1] * share
    scale = np.broadcast_to(np.asarray(effort, np.float32), (frame_count,))
    curves[:, _SCALED_BY_EFFORT] *= scale[:, None]
    clipped: Array = np.clip(curves, 0, 1).astype(np.float32)
    return clipped


def _grid_curves(phones: Sequence[TimedPhone], first: int, last: int) -> Array:
    """[last - first + 1, 17] smoothed curves at grid points first..last."""
    margin = _SMOOTHING_REACH
    start, stop = first - 2 * margin, last + 2 * margin + 1
    blended = _blend(list(_postures(phones)), start, stop)
    curves = np.empty((blended.shape[0] - 2 * margin, len(LOWER_FACE)), np.float32)
    for group, sigma_s in enumerate(SMOOTHING_S):
        members = np.flatnonzero(np.equal(GROUP_OF_CURVE, group))
        curves[:, members] = _smooth(blended[:, members], float(sigma_s))
    closure = _closure(phones, (np.arange(start + margin, stop - margin) + 0.5) / _GRID_HZ)
    jaw = curves[:, _JAW_OPEN]
    closing = np.maximum(closure * jaw, np.minimum(curves[:, _MOUTH_CLOSE], jaw))
    curves[:, _LIP_RAISERS] *= (1 - closure)[:, None]
    curves = curves[margin : curves.shape[0] - margin]
    curves[:, _MOUTH_CLOSE] = _smooth(closing[:, None], _CLOSURE_SMOOTHING_S)[:, 0]
    return curves


def _postures(phones: Sequence[TimedPhone]) -> Iterator[_Posture]:
    """The poses that `phones` pass through, silence around them and in their gaps included."""
    if not phones:
        return
    time_s = phones[0].start_s - _SURROUNDING_SILENCE_S
    for phone in phones:
        if phone.start_s > time_s + 1e-3:
            yield _Posture(SILENCE, time_s, phone.start_s, 1.0)
        time_s = max(time_s, phone.end_s)
        if phone.end_s <= phone.start_s:
            continue
        if phone.phone in DIPHTHONGS:
            nucleus, glide = DIPHTHONGS[phone.phone]
            turn_s = phone.start_s + 0.55 * (phone.end_s - phone.start_s)
            yield _Posture(nucleus, phone.start_s, turn_s, phone.stress)
            yield _Posture(glide, turn_s, phone.end_s, 0.9 * phone.stress)
        else:
            # The burst of a p is part of the sound but its lips have already parted.
            end_s = phone.release_s if phone.phone == "p" and phone.release_s else phone.end_s
            yield _Posture(phone.phone, phone.start_s, max(end_s, phone.start_s + 1e-3), phone.stress)
    yield _Posture(SILENCE, time_s, time_s + _SURROUNDING_SILENCE_S, 1.0)


def _blend(postures: Sequence[_Posture], start: int, stop: int) -> Array:
    """[stop - start, 17] mean of all poses at each grid point, weighted by their dominance."""
    weighted = np.zeros((stop - start, len(LOWER_FACE)), np.float32)
    weight = np.full_like(weighted, _IDLE_DOMINANCE)
    for posture in postures:
        length_s = posture.end_s - posture.start_s
        # A sound reaches its pose a little after its start.
        inset_s = min(0.012, 0.2 * length_s)
        held_from_s, held_to_s = posture.start_s + inset_s, posture.end_s - inset_s
        begin = max(start, int(np.floor((held_from_s - _PULL_REACH_S) * _GRID_HZ)))
        end = min(stop, int(np.ceil((held_to_s + _PULL_REACH_S) * _GRID_HZ)) + 1)
        if begin >= end:
            continue
        time_s = ((np.arange(begin, end) + 0.5) / _GRID_HZ).astype(np.float32)[:, None]
        early_s, late_s = np.maximum(held_from_s - time_s, 0), np.maximum(time_s - held_to_s, 0)
        pull = DOMINANCE[posture.name] * np.exp(-early_s / ANTICIPATION_S - late_s / CARRY_OVER_S)
        if posture.name not in BILABIALS | LABIODENTALS:
            pull = pull * np.clip(length_s / _FULL_PULL_S, 0.35, 1.0)
        target = TARGET[posture.name].copy()
        if posture.name not in BILABIALS:
            target[_MOUTH_OPENERS] *= posture.stress
        pull = pull[:, GROUP_OF_CURVE]
        weighted[begin - start : end - start] += pull * target
        weight[begin - start : end - start] += pull
    mean: Array = weighted / weight
    return mean


def _closure(phones: Sequence[TimedPhone], time_s: NDArray[np.float64]) -> Array:
    """[grid] 1 where the lips of a p, b or m are pressed together, with soft edges."""
    closure = np.zeros(len(time_s), np.float32)
    for phone in phones:
        if phone.phone not in BILABIALS:
            continue
        held_from_s = phone.start_s + 0.008
        if phone.phone == "m":
            held_to_s = phone.end_s - 0.010
        else:
            held_share = 0.65 if phone.phone == "p" else 0.85
            held_to_s = phone.release_s or phone.start_s + held_share * (phone.end_s - phone.start_s)
        early_s, late_s = np.maximum(held_from_s - time_s, 0), np.maximum(time_s - held_to_s, 0)
        edges = np.exp(-((early_s / _CLOSURE_EDGE_S) ** 2) - (late_s / _CLOSURE_EDGE_S) ** 2)
        closure = np.maximum(closure, edges.astype(np.float32))
    return closure


def _smooth(curves: Array, sigma_s: float) -> Array:
    """Gaussian over axis 0 of [frames, curves]; the result is `_SMOOTHING_REACH` shorter at either end."""
    offsets = np.arange(-_SMOOTHING_REACH, _SMOOTHING_REACH + 1)
    kernel = np.exp(-0.5 * (offsets / (sigma_s * _GRID_HZ)) ** 2)
    kernel /= kernel.sum()
    windows = np.lib.stride_tricks.sliding_window_view(curves, len(kernel), axis=0)
    smoothed: Array = (windows * kernel.astype(np.float32)).sum(axis=-1)
    return smoothed
