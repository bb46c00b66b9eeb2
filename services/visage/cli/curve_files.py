"""Curves as files: one row a frame in CSV, or one object a frame in JSON lines. AnimateFromMocap reads both back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Final

from visage.client import Curves

POSE_COLUMNS: Final = ("HeadYaw", "HeadPitch", "HeadRoll", "HeadX", "HeadY", "HeadZ")
SUFFIXES: Final = (".csv", ".jsonl")


def write_curves(path: Path, curves: Curves) -> None:
    """Writes what the suffix says."""
    path.write_text(to_csv(curves) if path.suffix == ".csv" else to_json_lines(curves))


def to_csv(curves: Curves) -> str:
    """Returns one row a frame: time in seconds, curves, head pose in degrees and metres."""
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
