"""A recording in the making: frames as soon as their rows have come.

Nothing is known of what follows: smoothing lags, what is missing holds, a value that jumps waits for the next row to
confirm it. With a calibration, frames come once it is over.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Final

import numpy as np

from visage.animation.controls import Controls
from visage.animation.mocap.columns import COLUMN_COUNT, EYES, POSE
from visage.animation.mocap.controlled import Controlled
from visage.animation.mocap.eyes import LOOKS, look_by_rotation
from visage.animation.mocap.mending import SHORTEST_STEP_S
from visage.animation.mocap.neutral import Neutral
from visage.animation.mocap.opening import Intake
from visage.animation.mocap.rows import Array, Rows
from visage.animation.mocap.smoothing import LiveSmoothing
from visage.animation.mocap.spans import is_long
from visage.animation.mocap.whole import MocapAnimation
from visage.animation.resampling import frame_count, resampled
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.curves import CurveBlock
from visage.runtime.errors import StreamTooLong

_JUMP: Final = 0.35
_JUMP_POSE: Final = 10.0
_LONE_ROW_S: Final = 0.04


class LiveTake:
    """Conditions rows one by one and gives out frames."""

    def __init__(self, animation: MocapAnimation, intake: Intake, longest_s: float) -> None:
        """Starts before the first row."""
        self._animation = animation
        self._intake = intake
        self._findings = intake.findings
        self._longest_s = longest_s
        self._rate = animation.output.frame_rate
        self._smoothing = LiveSmoothing(animation.smoothing)
        self._waiting: list[tuple[float, Array]] = []
        self._neutral: Neutral | None = None
        self._is_calibrated = not animation.calibration_s
        self._start_s: float | None = None
        self._last_s = 0.0
        self._step_s: float | None = None
        self._raw = np.zeros(COLUMN_COUNT, np.float32)
        self._doubted = np.zeros(COLUMN_COUNT, bool)
        self._rows: deque[tuple[float, Array]] = deque()
        self._next_frame = 0
        self._has_looks = False
        self._changes: dict[int, Controls] = {}
        self.controlled = Controlled(animation.controls, self._rate)

    def change(self, controls: Controls) -> None:
        """Replaces the setting from the next frame on."""
        tick = int(Fraction(2 * self._next_frame + 1, 2) / self._rate * TICK_RATE_HZ)
        self._changes[tick] = controls

    def push(self, rows: Rows) -> CurveBlock | None:
        """Returns the frames that these rows complete, or None; raises StreamTooLong."""
        for time_s, values in zip(rows.times.tolist(), rows.values, strict=True):
            self._take(time_s, values)
        return self._block(is_ended=False)

    def finish(self) -> CurveBlock | None:
        """Returns the last frames, or None."""
        self._release()
        return self._block(is_ended=True)

    def _take(self, time_s: float, values: Array) -> None:
        """Takes one row: in order, not too dense, without holes and lone jumps."""
        if self._start_s is None:
            self._start_s = time_s
        elif time_s <= self._last_s or time_s - self._last_s < SHORTEST_STEP_S / 2:
            self._findings.mended["repeated" if time_s == self._last_s else "reversed"] += 1
            return
        if time_s - self._start_s > self._longest_s:
            raise StreamTooLong(f"{self._longest_s:g} s", f"{time_s - self._start_s:.1f} s")
        is_first = not self._waiting and self._step_s is None
        if not is_first and self._step_s is None:
            told = self._intake.frame_rate
            self._step_s = float(1 / told) if told is not None else time_s - self._last_s
        self._last_s = time_s
        self._waiting.append((time_s - self._start_s, self._mended(values, is_first=is_first)))
        if self._step_s is not None and (self._is_calibrated or self._waiting[-1][0] >= self._animation.calibration_s):
            self._release()

    def _mended(self, values: Array, *, is_first: bool) -> Array:
        """[columns] of a row: what is unknown holds; what jumps is believed when the next row agrees."""
        row = np.where(np.isfinite(values), values, self._raw)
        if not is_first:
            limit = np.full(COLUMN_COUNT, _JUMP, np.float32)
            limit[POSE.start :] = _JUMP_POSE
            jumps = (np.abs(row - self._raw) > limit) & ~self._doubted
            row = np.where(jumps, self._raw, row)
            self._doubted = jumps
        self._raw = row.astype(np.float32)
        return self._raw

    def _release(self) -> None:
        """Moves what waited on, once steps and the neutral face are known."""
        if self._step_s is None:
            self._step_s = _LONE_ROW_S
        if not self._is_calibrated and self._waiting:
            at_rest = [row for time_s, row in self._waiting if time_s < self._animation.calibration_s]
            self._neutral = Neutral(np.stack(at_rest or [self._waiting[0][1]]))
            self._is_calibrated = True
        for time_s, row in self._waiting:
            self._add(time_s, row)
        self._waiting = []

    def _add(self, time_s: float, row: Array) -> None:
        assert self._step_s is not None
        if self._neutral is not None:
            row = self._neutral.taken_off(row[None])[0]
        self._has_looks |= bool(row[LOOKS].any())
        if row[EYES].any() and not self._has_looks:
            row = look_by_rotation(row[None])[0]
        middle_s = time_s + self._step_s / 2
        if self._rows and is_long(middle_s - self._rows[-1][0]):
            self._findings.mended["gap"] += 1
            self._rows.append((middle_s - self._step_s, self._rows[-1][1]))
        step_s = middle_s - self._rows[-1][0] if self._rows else self._step_s
        self._rows.append((middle_s, self._smoothing.advance(row, max(step_s, SHORTEST_STEP_S / 2))))

    def _block(self, *, is_ended: bool) -> CurveBlock | None:
        if not self._rows or self._step_s is None:
            return None
        last_s = self._rows[-1][0]
        if is_ended:
            stop = frame_count(last_s + self._step_s / 2, self._rate)
        else:
            # A mean needs the rows of its whole interval, a line only those around its middle.
            needed = 1.0 if self._step_s * self._rate < 1 else 0.5
            stop = int(last_s * float(self._rate) + 1 - needed + 1e-3)
        if stop <= self._next_frame:
            return None
        middles = np.array([time_s for time_s, _ in self._rows])
        values = np.stack([row for _, row in self._rows])
        frames = resampled(middles, values, self._step_s, self._rate, range(self._next_frame, stop))
        block = self.controlled.block(self._next_frame, frames, self._changes)
        self._next_frame = stop
        self._forget()
        return block

    def _forget(self) -> None:
        """Drops rows that no later frame looks at."""
        start_s = self._next_frame / float(self._rate)
        while len(self._rows) > 2 and self._rows[1][0] <= start_s:
            self._rows.popleft()
