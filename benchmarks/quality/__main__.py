"""`make bench-quality`: how good the pictures are, in tables, beside the same figures of clips of real people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.obedience import TRANSFERRED, Response
from benchmarks.quality.report import PortraitReport, Shared, report_clip, report_portrait
from benchmarks.quality.subjects import Stage, clips, photos, portrait_of

_WIDTH = 150

_SHARED: tuple[tuple[str, Callable[[Shared], float | None]], ...] = (
    ("identity, mean cosine to the source", lambda item: item.likeness.mean_cosine),
    ("identity, worst cosine", lambda item: item.likeness.worst_cosine),
    ("identity, mean distance", lambda item: item.likeness.mean_distance),
    ("identity, worst distance", lambda item: item.likeness.worst_distance),
    ("closed lips, most gap, mm", lambda item: item.closure.gap_mm),
    ("closed lips, most pixels of the inside", lambda item: item.closure.open_pixels),
    ("flicker of equal frames, levels", lambda item: item.steadiness.flicker_levels),
    ("jitter in slow motion, mm", lambda item: item.steadiness.jitter_mm),
    ("swimming texture, share of contrast", lambda item: item.steadiness.swimming),
    ("sharpness / source", lambda item: item.sharpness),
)


def main() -> None:
    """Measures and prints."""
    console = Console(width=_WIDTH)
    reports, real = asyncio.run(measure(console))
    console.print(shared_table(reports, real))
    console.print(obedience_table(reports))
    if real:
        console.print(transfer_table(reports))


async def measure(console: Console) -> tuple[list[PortraitReport], list[Shared]]:
    """The figures of all photos and all clips there are."""
    watch, stage = FaceWatch(), Stage()
    people = await clips(watch)
    if not people:
        console.print("No test media beside this folder: the astronaut alone, and no real clips to compare with.")
    reports = []
    for name, photo in photos().items():
        console.print(f"{name} …")
        reports.append(await report_portrait(await portrait_of(name, photo, watch), people, stage, watch))
    return reports, [await report_clip(clip, watch) for clip in people]


def shared_table(reports: list[PortraitReport], real: list[Shared]) -> Table:
    """Portraits beside the mean of the real clips, and the portraits' mean as a ratio to it."""
    table = Table("measure", *(report.name for report in reports), "real clips", "ratio", title="Pictures, 512x512")
    for label, figure in _SHARED:
        values = [figure(report.shared) for report in reports]
        known = [value for item in real if (value := figure(item)) is not None]
        mean = float(np.mean(known)) if known else None
        ratio = float(np.mean([value or 0.0 for value in values])) / mean if mean else None
        table.add_row(label, *(_number(value) for value in (*values, mean, ratio)))
    for border in reports[0].seams:
        seams = [report.seams.get(border) for report in reports]
        table.add_row(f"seam along {border}, 1 = none", *(_number(value) for value in seams), "-", "-")
    table.add_row("holes in the face, most pixels", *(str(report.holes) for report in reports), "-", "-")
    return table


def obedience_table(reports: list[PortraitReport]) -> Table:
    """Correlation and gain of each ramp by portrait."""
    table = Table("ramp", *(report.name for report in reports), title="Obedience: correlation, and gain at the top")
    for name in reports[0].obedience.curves:
        table.add_row(name, *(_response(report.obedience.curves[name]) for report in reports))
    table.add_row("gap of the lips, mm", *(_response(report.obedience.lips_mm) for report in reports), end_section=True)
    for name in reports[0].obedience.turns:
        table.add_row(name, *(_response(report.obedience.turns[name]) for report in reports))
    errors = (f"{report.obedience.pose_error_degrees:.1f}" for report in reports)
    table.add_row("pose, mean error in degrees", *errors)
    return table


def transfer_table(reports: list[PortraitReport]) -> Table:
    """Correlation over time of performances on the portraits with those of the people."""
    title = "Performances of the real clips on the portraits: correlation over time"
    table = Table("curve or angle", *(report.name for report in reports), title=title)
    for name in (*TRANSFERRED, "yaw", "pitch", "roll"):
        table.add_row(name, *(_number(report.transfer.get(name)) for report in reports))
    return table


def _response(item: Response) -> str:
    return f"{item.correlation:.2f}  {item.gain:.2f}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


if __name__ == "__main__":
    main()
