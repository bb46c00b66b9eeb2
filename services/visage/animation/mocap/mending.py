"""Recordings as they should have been: rows in order, no spikes, no gaps."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visage.animation.mocap.columns import COLUMN_COUNT, COLUMN_NAMES, POSE
from visage.animation.mocap.lines import FIELD
from visage.animation.mocap.rows import Array, Findings, Rows, Times
from visage.animation.mocap.spans import Span, is_long
from visage.media.windows import minimum_jerk
from visage.runtime.errors import InvalidField

# Rows this far apart, in steps between rows, have something missing between them.
_GAP_STEPS: Final = 2.5
SHORTEST_STEP_S: Final = 1 / 250
_LONE_ROW_S: Final = 0.04
_EASE_S: Final = 0.3
# A face moves through several rows at these rates; what stands in one row alone is none of it.
_SPIKE_RATE_HZ: Final = 24.0
# Lips meet and tongues flick within one row of slower recordings.
_LIP_SPIKE_RATE_HZ: Final = 45.0
_LIPS: Final = frozenset(index for index, name in enumerate(COLUMN_NAMES) if name.startswith(("Mouth", "Tongue")))
_SPIKE_REACH: Final = 3
_SPIKE_DEVIATIONS: Final = 6.0
_MAD_TO_DEVIATION: Final = 1.4826
_LEAST_SPIKE: Final = 0.25
_LEAST_SPIKE_POSE: Final = 6.0
_NEIGHBOUR_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Rows that rise in time.

    Attributes:
        times: [rows] seconds from the start of the first row.
        values: [rows, columns], NaN where nothing is known.
        step_s: Usual time between rows.
    """

    times: Times
    values: Array
    step_s: float

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the first row to the end of the last."""
        return float(self.times[-1]) + self.step_s if len(self.times) else 0.0


def in_order(rows: Rows, findings: Findings, step_s: float | None) -> Take:
    """Returns the longest run of rows that rises in time: rows that repeat a time or go back are left out.

    Args:
        rows: At least one.
        findings: Where to count what is left out.
        step_s: Time between rows, if the file says so; else the median.

    Raises:
        InvalidField: They come too fast.
    """
    kept = _longest_rise(rows.times)
    left_out = np.ones(len(rows), bool)
    left_out[kept] = False
    times = rows.times[kept]
    repeated = np.isin(rows.times[left_out], times)
    findings.mended["repeated"] += int(repeated.sum())
    findings.mended["reversed"] += int((~repeated).sum())
    if step_s is None:
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else _LONE_ROW_S
    if step_s < SHORTEST_STEP_S:
        raise InvalidField(FIELD, f"rows come every {1000 * step_s:.3g} ms", f"{1000 * SHORTEST_STEP_S:.3g} ms")
    return Take(times - times[0], rows.values[kept], step_s)


def without_spikes(take: Take, findings: Findings) -> Take:
    """Returns a take whose lone outliers are unknown.

    A value is one if it stands out from the median of the seven rows around it by six deviations, as these rows'
    median deviation estimates them, and both neighbours are near that median (after Hampel, 1974). Slow recordings may
    hold a blink in one row and are left as they are; so are the lips of those below 45 rows a second.
    """
    if take.step_s > 1 / _SPIKE_RATE_HZ or len(take.times) < 2 * _SPIKE_REACH + 1:
        return take
    values = take.values.copy()
    least = np.full(COLUMN_COUNT, _LEAST_SPIKE, np.float32)
    least[POSE.start :] = _LEAST_SPIKE_POSE
    spared = _LIPS if take.step_s > 1 / _LIP_SPIKE_RATE_HZ else frozenset()
    for column in np.flatnonzero(np.isfinite(values).any(axis=0)):
        if column in spared:
            continue
        track = values[:, column]
        padded = np.pad(track, _SPIKE_REACH, mode="edge")
        if not np.isfinite(padded).all():
            places = np.flatnonzero(np.isfinite(padded))
            padded = np.interp(np.arange(len(padded)), places, padded[places]).astype(np.float32)
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _SPIKE_REACH + 1)
        middle = np.median(around, axis=1)
        deviation = _MAD_TO_DEVIATION * np.median(np.abs(around - middle[:, None]), axis=1)
        distance = np.abs(padded[_SPIKE_REACH:-_SPIKE_REACH] - middle)
        beside = np.maximum(np.abs(around[:, _SPIKE_REACH - 1] - middle), np.abs(around[:, _SPIKE_REACH + 1] - middle))
        is_spike = distance > np.maximum(_SPIKE_DEVIATIONS * deviation, least[column])
        is_spike &= (beside < _NEIGHBOUR_SHARE * distance) & np.isfinite(track)
        findings.mended["outlier"] += int(is_spike.sum())
        values[is_spike, column] = np.nan
    return Take(take.times, values, take.step_s)


def filled(take: Take, findings: Findings) -> tuple[Take, list[Span]]:
    """Returns a take that is known everywhere, and the long stretches in which nothing was.

    What is missing for at most a quarter of a second is interpolated; over longer stretches the face eases to rest and
    back, each in 0.3 s. Columns that are nowhere known stay NaN.
    """
    take, missing = _with_missing_rows(take)
    findings.mended["gap"] += missing
    values = take.values.copy()
    known = np.isfinite(values)
    for column in np.flatnonzero(known.any(axis=0) & ~known.all(axis=0)):
        _fill(take.times, values[:, column], known[:, column])
    lost = [span for span in _spans(take, np.asarray(known.any(axis=1))) if is_long(span.duration_s)]
    return Take(take.times, values, take.step_s), lost


def _longest_rise(times: Times) -> NDArray[np.intp]:
    """Places of the longest strictly rising run (Fredman, 1975)."""
    if (np.diff(times) > 0).all():
        return np.arange(len(times))
    ends: list[float] = []
    places: list[int] = []
    before = np.full(len(times), -1)
    for place, time in enumerate(times.tolist()):
        length = bisect_left(ends, time)
        before[place] = places[length - 1] if length else -1
        if length == len(ends):
            ends.append(time)
            places.append(place)
        else:
            ends[length] = time
            places[length] = place
    run = [places[-1]]
    while before[run[-1]] >= 0:
        run.append(int(before[run[-1]]))
    return np.array(run[::-1], np.intp)


def _with_missing_rows(take: Take) -> tuple[Take, int]:
    """The take with rows that nothing is known of where rows are missing, and how many those are."""
    gaps = np.diff(take.times)
    wide = np.flatnonzero(gaps > _GAP_STEPS * take.step_s)
    if not len(wide):
        return take, 0
    added = [take.times[place] + np.arange(1, round(gaps[place] / take.step_s)) * take.step_s for place in wide]
    extra = np.concatenate(added)
    times = np.concatenate([take.times, extra])
    unknown = np.full((len(extra), COLUMN_COUNT), np.nan, np.float32)
    order = np.argsort(times, kind="stable")
    return Take(times[order], np.concatenate([take.values, unknown])[order], take.step_s), len(extra)


def _fill(times: Times, track: Array, known: NDArray[np.bool_]) -> None:
    """Fills [rows] `track` in place where it is not `known`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], known, [True]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        first = float(times[start - 1]) if start else None
        last = float(times[stop]) if stop < len(times) else None
        before = float(track[start - 1]) if start else 0.0
        after = float(track[stop]) if stop < len(times) else 0.0
        within = times[start:stop]
        if first is not None and last is not None and not is_long(last - first):
            track[start:stop] = before + (after - before) * (within - first) / (last - first)
            continue
        filling = np.zeros(len(within))
        if first is not None:
            filling += before * (1 - minimum_jerk((within - first) / _EASE_S))
        if last is not None:
            filling += after * minimum_jerk(1 - (last - within) / _EASE_S)
        track[start:stop] = filling


def _spans(take: Take, known: NDArray[np.bool_]) -> list[Span]:
    """Stretches of rows that are not known."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], known, [True]]).astype(np.int8)))
    return [
        Span(float(take.times[start]), float(take.times[stop - 1]) + take.step_s)
        for start, stop in edges.reshape(-1, 2)
    ]
