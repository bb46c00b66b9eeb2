"""All measures of one portrait and of one real clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.closure import Closure, measure_closure, real_closure
from benchmarks.quality.detail import holes, seam_excess, sharpness_ratio
from benchmarks.quality.face_models import FaceWatch
from benchmarks.quality.likeness import Likeness, measure_likeness
from benchmarks.quality.obedience import Obedience, measure_obedience, measure_transfer
from benchmarks.quality.steadiness import Steadiness, measure_steadiness, real_steadiness
from benchmarks.quality.subjects import Clip, Portrait, Stage
from benchmarks.quality.tracks import talking
from visage.media.face_solver import quiet_frames

_SPARSE = 3
_TRANSFERRED_FRAMES = 60


@dataclass(frozen=True, slots=True)
class Shared:
    """What is measured on renders and on real clips alike."""

    likeness: Likeness
    closure: Closure
    steadiness: Steadiness
    sharpness: float


@dataclass(frozen=True, slots=True)
class PortraitReport:
    """A portrait's figures. transfer: by curve or angle, mean correlation over the real performances shown on it."""

    name: str
    shared: Shared
    obedience: Obedience
    transfer: dict[str, float]
    seams: dict[str, float]
    holes: int


async def report_portrait(portrait: Portrait, clips: list[Clip], stage: Stage, watch: FaceWatch) -> PortraitReport:
    """Measures an avatar at rest, talking, making faces, turning, and performing the real clips."""
    track = talking()
    frames = stage.render(portrait, track.curves, track.poses)
    landmarks = await watch.follow(frames, portrait.landmarks)
    shared = Shared(
        await measure_likeness(portrait.source, portrait.landmarks, frames, landmarks, watch),
        await measure_closure(portrait, stage, watch),
        await measure_steadiness(portrait, stage, watch),
        sharpness_ratio(portrait.source, portrait.landmarks, frames[::_SPARSE], landmarks[::_SPARSE]),
    )
    transfers = []
    for clip in clips:
        rest = clip.landmarks[quiet_frames(clip.landmarks)]
        transfers.append(await measure_transfer(portrait, clip.landmarks[:_TRANSFERRED_FRAMES], rest, stage, watch))
    names = {name for transfer in transfers for name in transfer}
    return PortraitReport(
        portrait.name,
        shared,
        await measure_obedience(portrait, stage, watch),
        {name: float(np.mean([item[name] for item in transfers if name in item])) for name in names},
        seam_excess(portrait, stage),
        await holes(portrait, stage, watch),
    )


async def report_clip(clip: Clip, watch: FaceWatch) -> Shared:
    """The same of a real person; the first frame stands for the photo."""
    some = slice(None, None, _SPARSE)
    frames, landmarks = clip.frames[some], clip.landmarks[some]
    return Shared(
        await measure_likeness(clip.frames[0], clip.landmarks[0], frames, landmarks, watch),
        real_closure(clip.landmarks),
        real_steadiness(clip),
        sharpness_ratio(clip.frames[0], clip.landmarks[0], frames, landmarks),
    )
