"""Strengths, gains and offsets on frames that were recorded, and what life adds to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import numpy as np

from visage.animation.controls import Controls, ControlTrack, Strengths
from visage.animation.mocap.columns import CURVES, POSE, TONGUE
from visage.animation.mocap.rows import Array
from visage.animation.recorded import channel_scales
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.arkit import CURVE_NAMES
from visage.media.curves import CurveBlock

_LOWER, _HEAD = 1, 2
_TOLERANCE: Final = 0.01


class Controlled:
    """Applies the controls frame by frame; changes are eased in as they are everywhere."""

    def __init__(self, controls: Controls, frame_rate: Fraction) -> None:
        """Starts before the first frame."""
        self._track = ControlTrack(controls)
        self._strengths = self._track.strengths
        self._rate = frame_rate
        self._tick = 0
        self._clamped: set[int] = set()
        self._told: set[int] = set()

    def block(
        self, first_frame: int, frames: Array, changes: Mapping[int, Controls], life: CurveBlock | None = None
    ) -> CurveBlock:
        """Returns the next frames as they are shown.

        Args:
            first_frame: Index of the first of them.
            frames: [frames, columns] without NaN, as `visage.animation.mocap.columns` orders them.
            changes: Tick of the stream → setting that holds from there on.
            life: What is added: the same frames; None for nothing.
        """
        curves = frames[:, CURVES].astype(np.float32)
        self._note_clamped(curves)
        curves = np.clip(curves, 0, 1)
        poses = frames[:, POSE].astype(np.float32)
        tongue = np.clip(frames[:, TONGUE], 0, 1).astype(np.float32)
        for row in range(len(frames)):
            strengths = self._strengths_at(first_frame + row, changes)
            scales = channel_scales(strengths)
            added = 0.0 if life is None else life.curves[row]
            curves[row] = np.clip(
                np.clip(curves[row] * scales + added, 0, 1) * strengths.gains + strengths.offsets, 0, 1
            )
            tongue[row] = np.minimum(tongue[row] * strengths.scales[_LOWER], 1)
            poses[row] *= strengths.scales[_HEAD]
        if life is not None and life.poses is not None:
            poses = poses + life.poses
        return CurveBlock(first_frame, curves, poses, tongue=tongue if tongue.any() else None)

    def newly_clamped(self) -> list[str]:
        """Returns the channels that were out of range since the last time, each once."""
        news = sorted(self._clamped - self._told)
        self._told |= self._clamped
        return [CURVE_NAMES[index] for index in news]

    def _strengths_at(self, frame: int, changes: Mapping[int, Controls]) -> Strengths:
        tick = math.floor(Fraction(2 * frame + 1, 2) / self._rate * TICK_RATE_HZ)
        while self._tick <= tick:
            if self._tick in changes:
                self._track.change(changes[self._tick])
            self._strengths = self._track.advance()
            self._tick += 1
        return self._strengths

    def _note_clamped(self, curves: Array) -> None:
        outside = ((curves < -_TOLERANCE) | (curves > 1 + _TOLERANCE)).any(axis=0)
        self._clamped |= set(np.flatnonzero(outside).tolist())
