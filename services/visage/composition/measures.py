"""What one stream tells about itself: time to its first frame, gaps between frames, seconds of each stage, and how far
the sound that it gives out is from its pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

from visage.composition.values import Header, Part, RawFrame, Segment, Summary
from visage.runtime import telemetry


class StreamMeters:
    """The instruments of a process; `watch` opens a stream's."""

    def __init__(self) -> None:
        meter = telemetry.meter()
        self.frames = meter.create_counter(telemetry.FRAMES_RENDERED)
        self.first_frame = meter.create_histogram(telemetry.TIME_TO_FIRST_FRAME, unit="s")
        self.gap = meter.create_histogram(telemetry.INTER_FRAME_GAP, unit="s")
        self.stage = meter.create_histogram(telemetry.STAGE, unit="s")
        self.skew = meter.create_histogram(telemetry.AV_SKEW, unit="s")

    def watch(self) -> StreamMeter:
        """Starts a stream's clock."""
        return StreamMeter(self, time.perf_counter)


class StreamMeter:
    """Of one stream: told of each part when it is ready, and when the caller has taken it.

    The gap between two frames that leave in one fragment is the fragment's share: the seconds since the caller took
    the last one, over its frames. What a slow caller lets wait does not count.
    """

    def __init__(self, meters: StreamMeters, clock: Callable[[], float]) -> None:
        self._meters = meters
        self._clock = clock
        self._taken_s = clock()
        self._frame_rate = Fraction(0)
        self._has_frames = False

    def ready(self, part: Part) -> None:
        """Notes that a part is there to be sent."""
        if isinstance(part, Header):
            self._frame_rate = part.frame_rate
        if isinstance(part, Summary):
            self._meters.frames.add(part.frame_count)
            for stage, seconds in part.stage_seconds.items():
                self._meters.stage.record(seconds, {telemetry.ATTRIBUTE_STAGE: stage})
            return
        frame_count = self._frames_in(part)
        if not frame_count:
            return
        waited_s = self._clock() - self._taken_s
        if self._has_frames:
            self._meters.gap.record(waited_s / frame_count)
        else:
            self._meters.first_frame.record(waited_s)
        self._has_frames = True

    def taken(self, part: Part) -> None:
        """Notes that the caller has taken a part."""
        if isinstance(part, Segment | RawFrame) and part.skew_s is not None:
            ahead = telemetry.AHEAD_SOUND if part.skew_s >= 0 else telemetry.AHEAD_PICTURES
            self._meters.skew.record(float(abs(part.skew_s)), {telemetry.ATTRIBUTE_AHEAD: ahead})
        if self._has_frames and self._frames_in(part):
            self._taken_s = self._clock()

    def _frames_in(self, part: Part) -> int:
        if isinstance(part, RawFrame):
            return 1
        return round(part.duration_s * self._frame_rate) if isinstance(part, Segment) else 0
