"""Another person's video to curves: decoded in a confined child, followed picture by picture, solved as a whole.

Nothing is answered before the film's end: the driver's own neutral face is in none of its frames alone, and what is
smoothed without lag looks ahead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from visage.animation.controls import Controls
from visage.animation.face_tracking import BATCH_FRAMES, FaceTracker, SeenFrame
from visage.animation.film_curves import Driving, FollowedFace, curves_of
from visage.animation.recorded import controlled
from visage.animation.stage import Notice, NoticeKind, Output
from visage.media.curves import CurveBlock, CurveClip
from visage.runtime.errors import FaceNotUsable, MediaTooLarge
from visage.runtime.faces import FaceFinder
from visage.runtime.films import FilmFrame, FilmLimits, open_film

FIELD: Final = "data"
_INDEX_FIELD: Final = "config.driving.face_index"
_NOTICED_GAP_S: Final = 0.2
"""Shorter losses are bridged without a word."""


@dataclass(frozen=True, slots=True)
class VideoAnimation:
    """What is to be made of a film; `controls`' strengths, gains and offsets count."""

    output: Output = field(default_factory=Output)
    controls: Controls = field(default_factory=Controls)
    driving: Driving = field(default_factory=Driving)
    face_index: int = 0


@dataclass(frozen=True, slots=True)
class Tracking:
    """How well the film was followed; the fields of `visage.v1.TrackingReport`."""

    source_frames: int
    lost_frames: int
    face_count: int
    source_frame_rate: Fraction
    residual_mm: float


class AnimateFromVideo:
    """Makes curves from films."""

    def __init__(self, models: FaceFinder, limits: FilmLimits, model_deadline_s: float, side_by_side: int = 2) -> None:
        """Takes the networks that see faces, the limits of a film, the seconds for one call of a network, and how many
        films are decoded at a time; others wait, being bytes until then.
        """
        self._models = models
        self._limits = limits
        self._deadline_s = model_deadline_s
        self._places = asyncio.Semaphore(side_by_side)

    async def __call__(
        self, animation: VideoAnimation, pieces: AsyncIterator[bytes]
    ) -> AsyncGenerator[CurveBlock | Notice | Tracking, None]:
        """Yields notices, blocks that cover the film, and the report; leaving it ends the child and the model calls.

        Raises:
            MediaTooLarge: Over a limit.
            MediaUndecodable: Not a film, broken, or without pictures.
            FaceNotUsable: No frame shows a face.
            InvalidField: There are fewer faces than the index asks for.
            ModelError: A network does not answer.
        """
        content = await self._collect(pieces)
        tracker = FaceTracker(self._models, animation.face_index, self._deadline_s, _INDEX_FIELD)
        seen: list[SeenFrame] = []
        async with self._places, open_film(content, FIELD, self._limits) as film:
            batch: list[FilmFrame] = []
            async for frame in film:
                batch.append(frame)
                if len(batch) == BATCH_FRAMES:
                    seen += await tracker.follow(batch)
                    batch = []
            seen += await tracker.follow(batch)
        lost = sum(frame.landmarks is None for frame in seen)
        if lost == len(seen):
            raise FaceNotUsable("no_face", f"{FIELD}: none of {lost} frames shows a human face")
        face = await asyncio.to_thread(curves_of, seen, film.end_s, animation.output.frame_rate, animation.driving)
        for notice in _notices(tracker, face, animation.face_index):
            yield notice
        clip = CurveClip(face.clip.frame_rate, controlled(face.clip.curves, animation.controls), face.clip.poses)
        for block in clip.blocks(animation.output.frames_per_block):
            yield block
        yield Tracking(len(seen), lost, tracker.most_faces, film.frame_rate, face.residual_mm)

    async def _collect(self, pieces: AsyncIterator[bytes]) -> bytes:
        content = bytearray()
        async for piece in pieces:
            content += piece
            if len(content) > self._limits.max_bytes:
                raise MediaTooLarge(FIELD, f"{self._limits.max_bytes} bytes", f"at least {len(content)} bytes")
        return bytes(content)


def _notices(tracker: FaceTracker, face: FollowedFace, face_index: int) -> list[Notice]:
    notices = [
        Notice(
            NoticeKind.FACE_LOST,
            Fraction(from_s).limit_denominator(1_000_000),
            {"from_s": f"{from_s:.3f}", "to_s": f"{to_s:.3f}"},
        )
        for from_s, to_s in face.gaps
        if to_s - from_s >= _NOTICED_GAP_S
    ]
    if tracker.several_at_s is not None:
        at = Fraction(tracker.several_at_s).limit_denominator(1_000_000)
        details = {"faces": str(tracker.most_faces), "face_index": str(face_index)}
        notices.insert(0, Notice(NoticeKind.SEVERAL_FACES, at, details))
    return notices
