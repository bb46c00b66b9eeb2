"""Known curves → pictures of a portrait → film → AnimateFromVideo: does a face that is driven by itself do the same?"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from rich.table import Table

from benchmarks.quality.face_models import FaceWatch, LocalFaceModels
from benchmarks.quality.subjects import Portrait, Stage, photos, portrait_of
from models.renderer.rendering import curve_vector
from visage.animation.animate_from_video import AnimateFromVideo, VideoAnimation
from visage.media.arkit import CURVE_COUNT
from visage.media.curves import POSE_COUNT, POSE_NAMES, CurveBlock, CurveClip
from visage.runtime.films import FilmLimits
from visage.runtime.images import RgbImage

RATE: Final = 25
_NO_LIMIT_S: Final = 3600.0
_REST: Final = 8
_MOVE: Final = 30
"""Frames of rest before each movement, and of the movement: up, held, down, half up, down."""
_BLINK: Final = (0.25, 0.7, 1.0, 0.9, 0.5, 0.2)

MOVEMENTS: Final[dict[str, dict[str, float]]] = {
    "jaw": {"JawOpen": 0.7},
    "smile": {"MouthSmile": 0.9},
    "frown": {"MouthFrown": 0.9},
    "pucker": {"MouthPucker": 0.9},
    "funnel": {"MouthFunnel": 0.8},
    "brows, inner": {"BrowInnerUp": 0.9},
    "brows, outer": {"BrowOuterUp": 0.9},
    "brows down": {"BrowDown": 0.9},
    "gaze left": {"EyeLookOutLeft": 0.8, "EyeLookInRight": 0.8},
    "gaze up": {"EyeLookUp": 0.8},
    "gaze down": {"EyeLookDown": 0.8},
}
TURNS: Final[dict[str, float]] = {"yaw": 14.0, "pitch": 10.0, "roll": 12.0}
"""Degrees, one way and then half of it the other way."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Of one movement: correlation over its time, share of the peak that comes back, mean error in its own unit.

    spill: most that all other curves move meanwhile, on average over them.
    """

    correlation: float
    gain: float
    error: float
    spill: float


@dataclass(frozen=True, eq=False)
class Script:
    """A clip, and by name the frames of each movement and where in it the movement is: curves, or one pose."""

    clip: CurveClip
    parts: dict[str, slice]


ALL: Final = (*MOVEMENTS, "blink", *TURNS)


def script(names: Sequence[str] = ALL) -> Script:
    """Movements, "blink" (three of them) and turns, one after the other with rest between."""
    shape = np.interp(np.arange(_MOVE), (0, 6, 11, 17, 22, 28, 29), (0, 1, 1, 0, 0.5, 0, 0))
    blinks = np.zeros(_MOVE)
    for start in (2, 11, 20):
        blinks[start : start + len(_BLINK)] = _BLINK
    count = len(names) * (_REST + _MOVE) + _REST
    curves, poses = np.zeros((count, CURVE_COUNT), np.float32), np.zeros((count, POSE_COUNT), np.float32)
    parts = {}
    for index, name in enumerate(names):
        part = parts[name] = slice(index * (_REST + _MOVE) + _REST, (index + 1) * (_REST + _MOVE))
        if name in MOVEMENTS:
            curves[part] = shape[:, None] * curve_vector(MOVEMENTS[name])
        elif name == "blink":
            curves[part] = blinks[:, None] * curve_vector({"EyeBlink": 1.0})
        else:
            swing = np.where(np.arange(_MOVE) < 18, shape, -shape)
            poses[part, POSE_NAMES.index(f"{name}_degrees")] = TURNS[name] * swing
    return Script(CurveClip(Fraction(RATE), curves, poses), parts)


def filmed(pictures: RgbImage, rate: int = RATE) -> bytes:
    """An MP4 of uint8 [n, height, width, 3], as phones make them: H.264 at a good quality."""
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return data.getvalue()


async def followed(film: bytes, models: LocalFaceModels) -> CurveClip:
    """What AnimateFromVideo makes of a film."""

    async def pieces() -> AsyncIterator[bytes]:
        yield film

    answers = AnimateFromVideo(models, FilmLimits(), _NO_LIMIT_S)(VideoAnimation(), pieces())
    blocks = [answer async for answer in answers if isinstance(answer, CurveBlock)]
    return CurveClip.joined(Fraction(RATE), blocks)


async def recover(
    portrait: Portrait, stage: Stage, models: LocalFaceModels, names: Sequence[str] = ALL
) -> dict[str, Recovery]:
    """Plays `script` on a portrait and reads it back."""
    played = script(names)
    found = await followed(filmed(stage.render(portrait, played.clip.curves, played.clip.poses)), models)
    return {name: _judge(name, part, played.clip, found) for name, part in played.parts.items()}


def _judge(name: str, part: slice, asked: CurveClip, found: CurveClip) -> Recovery:
    # The rest before the movement counts, so that what never rests is seen.
    part = slice(part.start - _REST // 2, part.stop)
    others = np.ones(CURVE_COUNT, bool)
    if name in TURNS:
        axis = POSE_NAMES.index(f"{name}_degrees")
        wanted, seen = asked.poses[part, axis], found.poses[part, axis]
    else:
        weights = {"EyeBlink": 1.0} if name == "blink" else MOVEMENTS[name]
        moved = np.flatnonzero(curve_vector(weights))
        others[moved] = False
        wanted, seen = asked.curves[part][:, moved].mean(1), found.curves[part][:, moved].mean(1)
    spill = float(np.ptp(found.curves[part][:, others], axis=0).mean())
    return Recovery(
        float(np.corrcoef(wanted, seen)[0, 1]) if seen.std() > 1e-6 else 0.0,
        _reach(seen, wanted),
        float(np.abs(seen - wanted).mean()),
        spill,
    )


def _reach(seen: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32]) -> float:
    peak = np.abs(wanted) > 0.95 * np.abs(wanted).max()
    return float((seen[peak] * np.sign(wanted[peak])).mean() / np.abs(wanted[peak]).mean())


def tables() -> Iterator[Table]:
    """One row a movement, one column a portrait: correlation, gain, mean error."""
    stage, watch = Stage(), FaceWatch()
    found: dict[str, dict[str, Recovery]] = {}
    for name, photo in photos().items():
        portrait = asyncio.run(portrait_of(name, photo, watch))
        found[name] = asyncio.run(recover(portrait, stage, watch.models))
    table = Table("movement", *found, title="Driving video, there and back: correlation, gain, mean error")
    for movement in next(iter(found.values())):
        cells = (recoveries[movement] for recoveries in found.values())
        table.add_row(movement, *(f"{c.correlation:.2f}  {c.gain:.2f}  {c.error:.2g}" for c in cells))
    yield table
