"""`visage animate`: curves as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated

import typer

from visage.cli import console
from visage.cli.mesh import connect
from visage.client import Curves, PerformanceControls

POSE_COLUMNS = ("HeadYaw", "HeadPitch", "HeadRoll", "HeadX", "HeadY", "HeadZ")


def animate(
    output: Annotated[Path, typer.Option("--output", "-o", help=".csv or .jsonl file to write.")],
    text: Annotated[str | None, typer.Option(help="What is said.")] = None,
    audio: Annotated[Path | None, typer.Option(help="WAV or FLAC file to lip-sync to.")] = None,
    fps: Annotated[float, typer.Option(help="Frames per second, 10-60.")] = 25.0,
    seed: Annotated[int, typer.Option(help="Same seed, same motion.")] = 0,
) -> None:
    """Turn text or speech into 52 ARKit curves and a head pose per frame."""
    if (text is None) == (audio is None):
        raise typer.BadParameter("give either --text or --audio")
    if output.suffix not in {".csv", ".jsonl"}:
        raise typer.BadParameter("the output must end in .csv or .jsonl")
    console.run(_animate(output, text, audio, fps, seed))


async def _animate(output: Path, text: str | None, audio: Path | None, fps: float, seed: int) -> None:
    controls = PerformanceControls(seed=seed)
    sound = audio.read_bytes() if audio is not None else b""
    async with connect(("speech", "animation")) as visage:
        if text is not None:
            curves = await visage.animation.from_text(text, fps=fps, controls=controls)
        else:
            curves = await visage.animation.from_audio(sound, fps=fps, controls=controls)
    output.write_text(to_csv(curves) if output.suffix == ".csv" else to_json_lines(curves))
    frame_count = len(curves.values)
    console.show(
        {"path": str(output), "frames": frame_count},
        lambda: f"{output}: {frame_count} frames, {frame_count / curves.frame_rate:.2f} s",
    )


def to_csv(curves: Curves) -> str:
    """Returns one row a frame: time in seconds, 52 curves, head pose in degrees and metres."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Time", *curves.channels, *POSE_COLUMNS])
    for index, (row, pose) in enumerate(zip(curves.values.tolist(), curves.poses.tolist(), strict=True)):
        time_s = f"{index / curves.frame_rate:.4f}"
        writer.writerow([time_s, *(f"{value:.5f}" for value in row), *(f"{value:.5f}" for value in pose)])
    return text.getvalue()


def to_json_lines(curves: Curves) -> str:
    """Returns one JSON object a frame."""
    lines = []
    for index, (row, pose) in enumerate(zip(curves.values.tolist(), curves.poses.tolist(), strict=True)):
        frame = {"time": round(index / curves.frame_rate, 4)}
        frame |= {name: round(value, 5) for name, value in zip(curves.channels, row, strict=True)}
        frame |= {name: round(value, 5) for name, value in zip(POSE_COLUMNS, pose, strict=True)}
        lines.append(json.dumps(frame))
    return "\n".join(lines) + "\n"
