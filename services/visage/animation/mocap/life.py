"""What a recording does not move: blinks, gaze, head motion, brows, added from a performance of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

import numpy as np

from visage.animation.controls import Controls
from visage.animation.gaze import DOWN_DEGREES, SIDEWAYS_DEGREES, UP_DEGREES, eye_curves
from visage.animation.mocap.columns import CURVES, POSE
from visage.animation.mocap.rows import Array
from visage.animation.mouths import MouthShapes
from visage.animation.rhythm import LOOK_AHEAD_TICKS, QUIET_DB
from visage.animation.stage import Output, Stage
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX, CURVE_NAMES
from visage.media.curves import POSE_COUNT, CurveBlock

_GROUPS: Final = ("EyeBlink", "EyeLook", "EyeSquint", "EyeWide", "Brow", "Cheek", "Nose", ("Jaw", "Mouth", "Tongue"))
"""Curves that belong together: what a recording moves one of is left to it."""
_MOVED: Final = 0.02
_MOVED_DEGREES: Final = 0.5
_STRETCH_TICKS: Final = 250
_JAW: Final = CURVE_INDEX["JawOpen"]
_TALKING_RANGE: Final = 0.06
_TALKING_REACH_TICKS: Final = 12
_SOFTEST_DB: Final = -45.0
_LOUDEST_DB: Final = -18.0
_WIDE_JAW: Final = 0.4
_REFLEX: Final = 0.9
_LOOK_NAMES: Final = tuple(name for name in CURVE_NAMES if name.startswith("EyeLook"))


def life_of(frames: Array, frame_rate: Fraction, controls: Controls, changes: Mapping[int, Controls]) -> CurveBlock:
    """Returns what life adds to [frames, columns] of a recording.

    Args:
        frames: As `visage.animation.mocap.columns` orders them, without NaN.
        frame_rate: Frames per second.
        controls: How to perform; gains and offsets are left out.
        changes: Tick → setting that holds from there on.
    """
    still_curves, is_head_still = _still(frames)
    performed = _performed(frames, frame_rate, controls, changes)
    added = np.where(still_curves, performed.curves, 0).astype(np.float32)
    poses = np.zeros((len(frames), POSE_COUNT), np.float32)
    if is_head_still and performed.poses is not None:
        poses = performed.poses
    elif still_curves[CURVE_INDEX["EyeLookUpLeft"]] and performed.poses is not None:
        _hold_gaze(added, frames[:, POSE], performed.poses)
    return CurveBlock(0, added, poses)


def _still(frames: Array) -> tuple[np.ndarray, bool]:
    """[52] whether a curve's group never moves in the recording, and whether the head never does."""
    ranges = np.ptp(frames[:, CURVES], axis=0)
    still = np.ones(CURVE_COUNT, bool)
    for group in _GROUPS:
        members = [index for index, name in enumerate(CURVE_NAMES) if name.startswith(group)]
        still[members] = bool((ranges[members] < _MOVED).all())
    return still, bool((np.ptp(frames[:, POSE][:, :3], axis=0) < _MOVED_DEGREES).all())


def _performed(frames: Array, frame_rate: Fraction, controls: Controls, changes: Mapping[int, Controls]) -> CurveBlock:
    """A performance without a mouth of its own, in the rhythm in which the recorded one talks."""

    def bare(setting: Controls) -> Controls:
        return replace(setting, gains={}, offsets={})

    duration = len(frames) / frame_rate
    stage = Stage(bare(controls), Output(frame_rate, len(frames)))
    count = stage.clock.ticks_needed(len(frames))
    speech, levels_db = _talk(frames, frame_rate, count)
    for start in range(0, count, _STRETCH_TICKS):
        stop = min(start + _STRETCH_TICKS, count)
        mouth = MouthShapes(np.zeros((stop - start, CURVE_COUNT), np.float32), speech[start:stop])
        due = {tick - start: bare(setting) for tick, setting in changes.items() if start <= tick < stop}
        stage.perform(mouth, levels_db[start : stop + LOOK_AHEAD_TICKS], due)
    blocks = list(stage.blocks(duration, is_ended=True))
    poses = [block.poses for block in blocks if block.poses is not None]
    return CurveBlock(0, np.concatenate([block.curves for block in blocks]), np.concatenate(poses))


def _talk(frames: Array, frame_rate: Fraction, count: int) -> tuple[Array, Array]:
    """[count] share of speech and [count + look-ahead] levels at ticks, as the jaw shows them."""
    middles = (np.arange(count) + 0.5) / TICK_RATE_HZ
    jaw = np.interp(middles, (np.arange(len(frames)) + 0.5) / float(frame_rate), frames[:, _JAW])
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(jaw, _TALKING_REACH_TICKS, mode="edge"), 2 * _TALKING_REACH_TICKS + 1
    )
    speech = (np.ptp(around, axis=1) > _TALKING_RANGE).astype(np.float32)
    loudness = np.clip(jaw / _WIDE_JAW, 0, 1)
    levels_db = np.where(speech > 0, _SOFTEST_DB + (_LOUDEST_DB - _SOFTEST_DB) * loudness, QUIET_DB)
    padded = np.append(levels_db, np.full(LOOK_AHEAD_TICKS, QUIET_DB)).astype(np.float32)
    return speech, padded


def _hold_gaze(added: Array, recorded: Array, performed: Array) -> None:
    """Lets eyes that were made for another head turn against the recorded one, in place."""
    turns = recorded[:, :2] - performed[:, :2]
    for row, (yaw, pitch) in zip(added, turns.tolist(), strict=True):
        x = float(row[CURVE_INDEX["EyeLookOutLeft"]] - row[CURVE_INDEX["EyeLookInLeft"]]) * SIDEWAYS_DEGREES
        y = (
            float(row[CURVE_INDEX["EyeLookUpLeft"]]) * UP_DEGREES
            - float(row[CURVE_INDEX["EyeLookDownLeft"]]) * DOWN_DEGREES
        )
        row[[CURVE_INDEX[name] for name in _LOOK_NAMES]] = 0
        for name, value in eye_curves(x - _REFLEX * yaw, y - _REFLEX * pitch).items():
            if name in _LOOK_NAMES:
                row[CURVE_INDEX[name]] = value
