"""Contact sheets: frames of a clip side by side, with their times."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]


def read_frames(path: Path) -> tuple[list[Frame], float]:
    """Returns the frames of a video as RGB [H, W, 3] and its frame rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 25)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    return frames, rate


def contact_sheet(frames: list[Frame], rate: float, columns: int = 6, rows: int = 4, width: int = 256) -> Frame:
    """Returns `columns` x `rows` frames spread evenly over the clip, each `width` pixels wide with its time."""
    picks = np.linspace(0, len(frames) - 1, columns * rows).round().astype(int)
    tiles = []
    for index in picks:
        frame = frames[index]
        height = round(frame.shape[0] * width / frame.shape[1])
        tile = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        label = f"{index / rate:.2f} s"
        cv2.putText(tile, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tile, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    strips = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(strips), np.uint8)


def save_sheet(video: Path, picture: Path) -> None:
    """Writes the contact sheet of a video as a picture file."""
    frames, rate = read_frames(video)
    cv2.imwrite(str(picture), cv2.cvtColor(contact_sheet(frames, rate), cv2.COLOR_RGB2BGR))
