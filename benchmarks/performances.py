"""Strips of portraits that perform: what is heard, felt or seen in a film, on several photos, the driver above them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import openvino

from benchmarks.pictures import read_frames
from benchmarks.quality.face_models import REPOSITORY, LocalFaceModels
from benchmarks.quality.subjects import Portrait, Stage
from visage.animation.animate_from_audio import AnimateFromAudio, AudioAnimation, AudioPiece
from visage.animation.animate_from_video import AnimateFromVideo, VideoAnimation
from visage.animation.audio_source import SourceFormat
from visage.animation.controls import Controls, EmotionKey
from visage.animation.ports import MouthReading
from visage.media.curves import CurveBlock, CurveClip
from visage.media.pcm import IntPcm
from visage.runtime.films import FilmLimits
from visage.runtime.images import RgbImage

STRIP_FRAMES: Final = 8
_TILE_PX: Final = 256
_PIECE_BYTES: Final = 65_536
_SEED: Final = 7


class LocalLipSync:
    """`visage.animation.ports.LipSyncModel` on OpenVINO with one thread."""

    def __init__(self) -> None:
        path = REPOSITORY / "lip_sync" / "1" / "model.onnx"
        self._compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": 1})

    async def read(self, window: IntPcm) -> MouthReading:
        """See `LipSyncModel`."""
        answer = self._compiled({"pcm": window[None]})
        return MouthReading(np.array(answer["curves"][0]), np.array(answer["phonemes"][0]))


@dataclass(frozen=True, eq=False)
class Performance:
    """A clip, and for a film its frames uint8 [m, height, width, 3] with their rate."""

    name: str
    clip: CurveClip
    film: list[RgbImage]
    film_rate: float


async def spoken(name: str, recording: Path, emotion: str = "") -> Performance:
    """A recording, and a felt emotion at full strength."""
    keys = (EmotionKey(0.0, {emotion: 1.0}),) if emotion else ()
    animation = AudioAnimation(SourceFormat(), controls=Controls(seed=_SEED, emotion_keys=keys))

    async def pieces() -> AsyncIterator[AudioPiece]:
        yield AudioPiece(recording.read_bytes())

    answers = AnimateFromAudio(LocalLipSync())(animation, pieces())
    blocks = [answer async for answer in answers if isinstance(answer, CurveBlock)]
    return Performance(name, CurveClip.joined(animation.output.frame_rate, blocks), [], 0.0)


async def seen(name: str, path: Path, models: LocalFaceModels) -> Performance:
    """A film's face."""
    content, animation = path.read_bytes(), VideoAnimation()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]

    answers = AnimateFromVideo(models, FilmLimits(), 3600.0)(animation, pieces())
    blocks = [answer async for answer in answers if isinstance(answer, CurveBlock)]
    frames, rate = read_frames(path)
    return Performance(name, CurveClip.joined(animation.output.frame_rate, blocks), frames, rate)


def strip(performance: Performance, portraits: list[Portrait], stage: Stage) -> RgbImage:
    """One row a portrait, of the frames that differ most; above them what the film shows then."""
    clip = performance.clip
    frames = telling_frames(clip)
    rows = []
    if performance.film:
        places = (frames + 0.5) / float(clip.frame_rate) * performance.film_rate
        shown = [performance.film[min(int(place), len(performance.film) - 1)] for place in places]
        rows.append([_tile(_squared(picture)) for picture in shown])
    for portrait in portraits:
        pictures = stage.render(portrait, clip.curves[frames], clip.poses[frames])
        rows.append([_tile(picture) for picture in pictures])
    for tile, frame in zip(rows[0], frames, strict=True):
        label = f"{(frame + 0.5) / float(clip.frame_rate):.2f} s"
        for colour, width in (((0, 0, 0), 3), ((255, 255, 0), 1)):
            cv2.putText(tile, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, cv2.LINE_AA)
    return np.vstack([np.hstack(row) for row in rows])


def telling_frames(clip: CurveClip, count: int = STRIP_FRAMES) -> npt.NDArray[np.intp]:
    """Indices of frames as different from each other as can be, in order of time; the first is the calmest one."""
    states = np.concatenate([clip.curves, clip.poses / 20], axis=1)
    chosen = [int(np.linalg.norm(states, axis=1).argmin())]
    nearest = np.linalg.norm(states - states[chosen[0]], axis=1)
    while len(chosen) < min(count, len(states)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(states - states[chosen[-1]], axis=1))
    return np.sort(np.array(chosen, np.intp))


def _squared(picture: RgbImage) -> RgbImage:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _tile(picture: RgbImage) -> RgbImage:
    scaled = cv2.resize(picture, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(scaled, np.uint8)
