"""A whole recording, conditioned: in order, mended, calibrated, resampled, smoothed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from visage.animation.controls import Controls
from visage.animation.mocap.columns import EYES
from visage.animation.mocap.controlled import Controlled
from visage.animation.mocap.eyes import has_looks, look_by_rotation
from visage.animation.mocap.life import life_of
from visage.animation.mocap.mending import filled, in_order, without_spikes
from visage.animation.mocap.neutral import Neutral
from visage.animation.mocap.opening import Format, Intake
from visage.animation.mocap.rows import Array, Rows
from visage.animation.mocap.smoothing import smoothed
from visage.animation.resampling import frame_count, is_same_grid, resampled
from visage.animation.stage import Notice, NoticeKind, Output
from visage.media.curves import CurveBlock
from visage.runtime.errors import MediaUndecodable, StreamTooLong


@dataclass(frozen=True, slots=True)
class MocapAnimation:
    """What is to be made of a recording.

    Attributes:
        kind: What the bytes are announced to be.
        output: Shape of the curves.
        controls: How to perform, until a change.
        source_rate: Frames per second that time codes count; None where they must show it.
        calibration_s: Seconds at the start that are the neutral face; 0 for none.
        smoothing: 0..1.
        is_live: Answer row by row.
        adds_life: Add what the recording does not move; not with `is_live`.
    """

    kind: Format = Format.ANY
    output: Output = field(default_factory=Output)
    controls: Controls = field(default_factory=Controls)
    source_rate: Fraction | None = None
    calibration_s: float = 0.0
    smoothing: float = 0.0
    is_live: bool = False
    adds_life: bool = False


def frames_of(animation: MocapAnimation, rows: Rows, intake: Intake, longest_s: float) -> tuple[Array, list[Notice]]:
    """Returns [frames, columns] without NaN, and what was noticed.

    Raises:
        InvalidField: Rows come too fast.
        MediaUndecodable: There are no rows.
        StreamTooLong: They last too long.
    """
    if not len(rows):
        raise MediaUndecodable("data", "there are no rows with a time")
    rate = intake.frame_rate
    take = in_order(rows, intake.findings, None if rate is None else float(1 / rate))
    if take.duration_s > longest_s:
        raise StreamTooLong(f"{longest_s:g} s", f"{take.duration_s:.1f} s")
    take = without_spikes(take, intake.findings)
    values = take.values
    if animation.calibration_s:
        at_rest = values[take.times < animation.calibration_s]
        values = Neutral(at_rest).taken_off(values)
    if np.isfinite(values[:, EYES]).any() and not has_looks(values):
        values = look_by_rotation(values)
    mended, lost = filled(type(take)(take.times, values, take.step_s), intake.findings)
    known = np.nan_to_num(mended.values, nan=0.0)
    notices = [*notices_of(intake)]
    for span in lost:
        details = {"from_s": f"{span.start_s:.3f}", "to_s": f"{span.end_s:.3f}"}
        notices.append(Notice(NoticeKind.FACE_LOST, Fraction(span.start_s).limit_denominator(1000), details))
    frame_rate = animation.output.frame_rate
    if is_same_grid(mended.times, frame_rate):
        frames = known
    else:
        count = frame_count(mended.duration_s, frame_rate)
        frames = resampled(mended.times + mended.step_s / 2, known, mended.step_s, frame_rate, range(count))
    return smoothed(frames, animation.smoothing, float(frame_rate)), notices


def performed(
    animation: MocapAnimation, frames: Array, changes: Mapping[int, Controls]
) -> tuple[CurveBlock, list[Notice]]:
    """Returns [frames, columns] with controls and life, and what had to be clamped."""
    frame_rate = animation.output.frame_rate
    life = life_of(frames, frame_rate, animation.controls, changes) if animation.adds_life else None
    controlled = Controlled(animation.controls, frame_rate)
    block = controlled.block(0, frames, changes, life)
    return block, [*clamped(controlled)]


def notices_of(intake: Intake) -> Iterator[Notice]:
    """Yields what reading and mending noticed, by cause and by name."""
    for name in intake.findings.ignored:
        yield Notice(NoticeKind.CHANNEL_IGNORED, Fraction(0), {"channel": name})
    for cause, count in sorted(intake.findings.mended.items()):
        if count:
            yield Notice(NoticeKind.RECORDING_MENDED, Fraction(0), {"cause": cause, "count": str(count)})


def clamped(controlled: Controlled) -> Iterator[Notice]:
    """Yields the channels that are newly known to be out of range."""
    for name in controlled.newly_clamped():
        yield Notice(NoticeKind.VALUE_CLAMPED, Fraction(0), {"channel": name})
