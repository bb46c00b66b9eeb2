"""Ticks of the motor clock → frames at the rate wanted, exactly on the audio's clock, at rest at both ends.

Frame i shows the middle of its interval, (i + 0.5) / rate seconds, between the two ticks around it. Lips that meet in
any tick of the interval meet in the frame: a closure of 40 ms is seen even at 10 frames per second.
"""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.controls import Strengths
from visage.animation.performance import Ticks
from visage.animation.springs import ease
from visage.animation.ticks import TICK_RATE_HZ
from visage.media.arkit import CURVE_INDEX
from visage.media.curves import CurveBlock

Array = NDArray[np.float32]

SETTLING_S: Final = 0.24
"""The last moments, in which the face returns to rest; frames wait until they are known not to be among them."""
FIRST_SETTLING_S: Final = 0.12
"""The same for the first frame of a live stream, which must come early; it grows with the stream."""
_SETTLING_GROWTH: Final = Fraction(1, 4)
_MOUTH_SETTLING_S: Final = 0.12
_JAW: Final = CURVE_INDEX["JawOpen"]
_CLOSE: Final = CURVE_INDEX["MouthClose"]
_LIP_RAISERS: Final = [
    CURVE_INDEX[f"{name}{side}"] for name in ("MouthLowerDown", "MouthUpperUp") for side in ("Left", "Right")
]
_MET: Final = 0.85


class FrameClock:
    """Collects ticks and gives out frames as soon as they are final."""

    def __init__(
        self, frame_rate: Fraction, settling_s: float = SETTLING_S, first_settling_s: float = FIRST_SETTLING_S
    ) -> None:
        """Starts before the first tick.

        Args:
            frame_rate: Frames per second wanted.
            settling_s: Seconds in which the face returns to rest at the end.
            first_settling_s: The same in a stream that ends at its start; it grows by a quarter of the time.
        """
        self._rate = frame_rate
        self._settling = Fraction(settling_s).limit_denominator(1000)
        self._first_settling = Fraction(first_settling_s).limit_denominator(1000)
        self._rows: deque[tuple[Array, Array, Array, Strengths, Array]] = deque()
        self._first_tick = 0
        self.next_frame = 0

    def frame_count(self, duration: Fraction) -> int:
        """Frames that cover `duration` seconds of audio: their last one ends with or after it."""
        return math.ceil(duration * self._rate)

    def ticks_needed(self, frame_count: int) -> int:
        """Ticks that the first `frame_count` frames are made of."""
        return self._last_tick(frame_count - 1) + 1 if frame_count else 0

    def push(self, ticks: Ticks) -> None:
        """Adds the next ticks."""
        self._rows.extend(zip(ticks.mouth, ticks.life, ticks.poses, ticks.strengths, ticks.emotions, strict=True))

    def frames(self, duration: Fraction, *, is_ended: bool) -> CurveBlock | None:
        """Returns the frames that have become final, or None.

        Args:
            duration: Seconds of audio known so far.
            is_ended: No more audio comes.
        """
        known = self.frame_count(duration)
        ready: list[tuple[Array, Array, Array]] = []
        start = self.next_frame
        while self.next_frame < known and self._last_tick(self.next_frame) < self._first_tick + len(self._rows):
            left = (known - 1 - self.next_frame) / self._rate
            if not is_ended and left < self._settling_of(self.next_frame):
                break
            ready.append(self._frame(self.next_frame, left if is_ended else None))
            self.next_frame += 1
            self._forget()
        if not ready:
            return None
        curves, poses, emotions = (np.stack(rows) for rows in zip(*ready, strict=True))
        return CurveBlock(start, curves, poses, emotions=emotions)

    def _settling_of(self, frame: int) -> Fraction:
        """Seconds before the end at which the return to rest begins, if it does at this frame."""
        return min(self._settling, self._first_settling + _SETTLING_GROWTH * frame / self._rate)

    def _place(self, frame: int) -> tuple[int, float]:
        """Tick before the middle of a frame, and how far the middle lies towards the next one, 0..1."""
        # (2 frame + 1) / 2 / rate in ticks, less half a tick; in whole numbers, which is exact and fast.
        whole = 2 * self._rate.numerator
        tick, rest = divmod(max(0, self._halves(2 * frame + 1) // 2 - self._rate.numerator), whole)
        return tick, rest / whole

    def _covered(self, frame: int) -> range:
        """Ticks whose middles lie in the interval of a frame."""
        whole = 2 * self._rate.numerator
        start, stop = (-((self._rate.numerator - self._halves(edge)) // whole) for edge in (frame, frame + 1))
        return range(max(0, start), max(0, stop))

    def _halves(self, frames: int) -> int:
        """Ticks that `frames` last, times twice the numerator of the frame rate."""
        return 2 * frames * TICK_RATE_HZ * self._rate.denominator

    def _last_tick(self, frame: int) -> int:
        tick, share = self._place(frame)
        covered = self._covered(frame)
        return max(tick + (share > 0), covered[-1] if covered else 0)

    def _frame(self, frame: int, left: Fraction | None) -> tuple[Array, Array, Array]:
        """[52] curves, [6] pose, [10] emotions of a frame `left` seconds before the last one; None if that is far."""
        tick, share = self._place(frame)
        mouth, life, pose, strengths, emotions = self._rows[tick - self._first_tick]
        if share > 0:
            after = self._rows[tick + 1 - self._first_tick]
            mouth = mouth + (after[0] - mouth) * np.float32(share)
            life = life + (after[1] - life) * np.float32(share)
            pose = pose + (after[2] - pose) * np.float32(share)
        mouth, life = self._keep_closures(frame, mouth, life)
        if left is not None:
            mouth = mouth * np.float32(ease(float(left) / _MOUTH_SETTLING_S))
            rest = np.float32(ease(float(left / self._settling_of(frame))))
            life, pose = life * rest, pose * rest
        curves = np.clip((np.clip(mouth + life, 0, 1)) * strengths.gains + strengths.offsets, 0, 1)
        return curves.astype(np.float32), np.asarray(pose, np.float32), emotions

    def _keep_closures(self, frame: int, mouth: Array, life: Array) -> tuple[Array, Array]:
        """[52] of mouth and life with lips that meet if they do in any tick of the frame."""
        met = 0.0
        for tick in self._covered(frame):
            row = self._rows[tick - self._first_tick][0]
            jaw = float(row[_JAW])
            if jaw > 0.02:
                met = max(met, min(1.0, float(row[_CLOSE]) / jaw))
        if met < _MET:
            return mouth, life
        closed, calm = mouth.copy(), life.copy()
        closed[_CLOSE] = max(mouth[_CLOSE], np.float32(met) * mouth[_JAW])
        closed[_LIP_RAISERS] *= np.float32(1 - met)
        calm[[_JAW, *_LIP_RAISERS]] *= np.float32(1 - met)
        return closed, calm

    def _forget(self) -> None:
        """Drops ticks that no later frame looks at."""
        covered = self._covered(self.next_frame)
        oldest = min(self._place(self.next_frame)[0], covered[0] if covered else self._first_tick)
        while self._first_tick < oldest and self._rows:
            self._rows.popleft()
            self._first_tick += 1
