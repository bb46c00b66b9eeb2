"""Recordings of faces as files, made here: Live Link Face and Audio2Face CSV, JSON lines, BVH."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from visage.media.arkit import CURVE_NAMES

_SWAPPED = {"JawLeft": "JawRight", "JawRight": "JawLeft", "MouthLeft": "MouthRight", "MouthRight": "MouthLeft"}
LIVE_LINK_CURVES = [_SWAPPED.get(name, name) for name in CURVE_NAMES]
"""In the order of the app: right before left for jaw and mouth."""
LIVE_LINK_ROTATIONS = [f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye") for turn in ("Yaw", "Pitch", "Roll")]

Tracks = Mapping[str, Sequence[float] | np.ndarray]
"""Channel → one value a row; channels that are left out are 0."""


def time_code(frame: int, nominal: int = 60, dropped: int = 0) -> str:
    """The label of a frame; `dropped` numbers are left out at the start of most minutes."""
    if dropped:
        tens, rest = divmod(frame, nominal * 600 - 9 * dropped)
        frame += 9 * dropped * tens
        if rest >= nominal * 60:
            frame += dropped * ((rest - nominal * 60) // (nominal * 60 - dropped) + 1)
    seconds, within = divmod(frame, nominal)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{within:02}.000"


def live_link_csv(
    tracks: Tracks, *, start_frame: int = 0, nominal: int = 60, dropped: int = 0, has_rotations: bool = True
) -> str:
    """A recording of Live Link Face; rotations are in radians."""
    names = [*LIVE_LINK_CURVES, *(LIVE_LINK_ROTATIONS if has_rotations else ())]
    count = len(next(iter(tracks.values())))
    lines = [",".join(["Timecode", "BlendshapeCount", *names])]
    for row in range(count):
        values = [f"{float(tracks[name][row]) if name in tracks else 0.0:.6f}" for name in names]
        code = time_code(start_frame + row, nominal, dropped)
        lines.append(",".join([code, str(len(names)), *values]))
    return "\n".join(lines) + "\n"


def seconds_csv(
    tracks: Tracks, times: Sequence[float] | np.ndarray, time_name: str = "timeCode", prefix: str = ""
) -> str:
    """A CSV with seconds: Audio2Face's with the prefix "blendShapes.", ours with the time name "Time"."""
    lines = [",".join([time_name, *(f"{prefix}{name}" for name in tracks)])]
    for row, time_s in enumerate(times):
        lines.append(",".join([f"{time_s:.6f}", *(repr(float(track[row])) for track in tracks.values())]))
    return "\n".join(lines) + "\n"


def json_lines(tracks: Tracks, times: Sequence[float] | np.ndarray, *, nested: bool = False) -> str:
    """One object a row."""
    lines = []
    for row, time_s in enumerate(times):
        curves = {name: float(track[row]) for name, track in tracks.items()}
        lines.append(json.dumps({"time": float(time_s)} | ({"blendShapes": curves} if nested else curves)))
    return "\n".join(lines) + "\n"


def bvh(head: Sequence[Sequence[float]], *, neck: Sequence[float] = (0, 0, 0), frame_s: float = 0.04) -> str:
    """A figure whose head turns by (z, x, y) degrees in each frame, over a neck that stands still at (y, x, z)."""
    hierarchy = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 20 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT LeftArm
    {
      OFFSET 15 20 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET 30 0 0
      }
    }
    JOINT Neck
    {
      OFFSET 0 30 0
      CHANNELS 3 Yrotation Xrotation Zrotation
      JOINT Head
      {
        OFFSET 0 8 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        JOINT HeadTop_End
        {
          OFFSET 0 15 0
          CHANNELS 3 Zrotation Xrotation Yrotation
          End Site
          {
            OFFSET 0 1 0
          }
        }
      }
    }
  }
}
"""
    rows = [
        " ".join(str(value) for value in (1, 2, 3, 40, 50, 60, 5, 5, 5, 9, 9, 9, *neck, *turned, 7, 7, 7))
        for turned in head
    ]
    return f"{hierarchy}MOTION\nFrames: {len(rows)}\nFrame Time: {frame_s}\n" + "\n".join(rows) + "\n"
