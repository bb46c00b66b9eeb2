"""One face through a film: found once, then followed by its own landmarks, and found again where it was lost.

Frames are looked at in batches, each of them where the face was before the batch, then where that look found it: a
batch costs three calls of models whatever its length, and every look that counts is centred on its face.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from visage.media.windows import Array
from visage.runtime.errors import InvalidField
from visage.runtime.face_crops import (
    EYE_CORNERS,
    Square,
    cut,
    detected_square,
    landmark_crop,
    landmark_square,
    landmarks_in_picture,
)
from visage.runtime.faces import (
    ALL_QUARTERS,
    CONFIRMED_MARGIN,
    LEAST_PRESENCE,
    NEAR_DETECTOR_PX,
    Face,
    FaceFinder,
    find_faces,
)
from visage.runtime.films import FilmFrame
from visage.runtime.images import RgbImage

BATCH_FRAMES: Final = 8
"""Frames that are best given together."""
MOST_INDEXED: Final = 10
"""Faces among which a caller may choose."""
_SEARCH_EVERY_S: Final = 0.2
_SEARCH_EVERYWHERE_EVERY_S: Final = 2.0
"""While no face is known: turned and small ones cost ten times as much as upright large ones."""
_SMALL_SHARE: Final = 0.09
"""Of the picture's longer side: faces that are narrower are searched in parts of the picture."""
_COUNT_EVERY_S: Final = 1.0
_FARTHEST_STEP: Final = 0.5
_FARTHEST_TURN: Final = 0.6
"""What a face moves in one frame at most, in widths of it, and turns, in radians; more is another one, or none."""
_LEAST_GROWTH, _MOST_GROWTH = 0.75, 1.35
_MOST_STRAYED: Final = 0.06
_MOST_GROWN: Final = 0.16
"""Of the landmarks' region against the detector's, in sides of it and in the logarithm of their ratio; measured on four
films of people: 0.05 and 0.12 at most."""
_NEAR_WIDTHS: Final = 1.5
_FORGOTTEN_AFTER_S: Final = 2.0
"""How far from where it was lost a face among several is the same one, and after how long any is."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """A frame of the film: when it is shown, and its face's landmarks float64 [478, 3] in its pixels, None if lost."""

    at_s: float
    landmarks: Array | None


class FaceTracker:
    """Follows one face.

    Attributes:
        most_faces: Most faces seen in one frame so far.
        several_at_s: When several were seen first; None where they never were.
    """

    def __init__(self, models: FaceFinder, face_index: int, deadline_s: float, field: str) -> None:
        """Takes the networks, which face of the first frame with one, the seconds for a call and the index's path."""
        self._models = models
        self._index = face_index
        self._deadline_s = deadline_s
        self._field = field
        self._last: Face | None = None
        self._last_s = 0.0
        self._is_held = False
        self._quarter = 0
        self._next_search_s = self._next_full_search_s = self._next_count_s = 0.0
        self._region: Square | None = None
        self.most_faces = 0
        self.several_at_s: float | None = None

    async def follow(self, frames: Sequence[FilmFrame]) -> list[SeenFrame]:
        """Returns the next frames, seen.

        Raises:
            InvalidField: The first frame with a face shows fewer than the index asks for.
            ModelError: A network does not answer.
        """
        seen: list[SeenFrame] = []
        while len(seen) < len(frames):
            frame, was_held = frames[len(seen)], self._is_held
            if was_held and frame.at_s >= self._next_count_s:
                self._next_count_s = frame.at_s + _COUNT_EVERY_S
                await self._find(frame, False)
            if not self._is_held and not await self._search(frame):
                seen.append(SeenFrame(frame.at_s, None))
                continue
            found = await self._look_twice(frames[len(seen) :])
            for item, face in zip(frames[len(seen) :], found, strict=False):
                self._last, self._last_s = face, item.at_s
                seen.append(SeenFrame(item.at_s, face.landmarks))
            if not found:
                self._is_held = False
                # A face that just went may be elsewhere in this very frame; one that was just found there is not.
                self._next_search_s = frame.at_s if was_held else frame.at_s + _SEARCH_EVERY_S
        return seen

    async def _search(self, frame: FilmFrame) -> bool:
        """Whether the face is found in a frame; only some frames are searched."""
        if frame.at_s < self._next_search_s:
            return False
        self._next_search_s = frame.at_s + _SEARCH_EVERY_S
        is_full = self._last is None and frame.at_s >= self._next_full_search_s
        if is_full:
            self._next_full_search_s = frame.at_s + _SEARCH_EVERYWHERE_EVERY_S
        faces = await self._find(frame, is_full)
        if faces and self._last is None and not is_full:
            faces = await self._find(frame, True)
        face = self._choose(faces, frame.at_s)
        if face is None:
            return False
        first, second = face.landmarks[list(EYE_CORNERS), :2]
        self._quarter = round(math.atan2(second[1] - first[1], second[0] - first[0]) / (math.pi / 2)) % 4
        self._last, self._last_s, self._is_held, self._region = face, frame.at_s, True, None
        self._next_count_s = frame.at_s + _COUNT_EVERY_S
        return True

    async def _find(self, frame: FilmFrame, is_full: bool) -> list[Face]:
        is_small = self._last is not None and self._last.width_px < _SMALL_SHARE * max(frame.pixels.shape)
        faces = await find_faces(
            frame.pixels,
            self._models,
            self._deadline_s,
            quarters=ALL_QUARTERS if is_full else (self._quarter,),
            most=MOST_INDEXED,
            looks_closer=is_full or is_small,
        )
        self.most_faces = max(self.most_faces, len(faces))
        if len(faces) > 1 and self.several_at_s is None:
            self.several_at_s = frame.at_s
        return faces

    def _choose(self, faces: Sequence[Face], at_s: float) -> Face | None:
        if not faces:
            return None
        if self._last is None:
            if self._index >= len(faces):
                count = len(faces)
                message = f"the first frame with a face shows {count} of them"
                raise InvalidField(self._field, message, limit=f"0 to {count - 1}")
            return faces[self._index]
        last = self._last
        nearest = min(faces, key=lambda face: _distance(last, face))
        is_alone = self.most_faces == 1
        is_near = _distance(last, nearest) < _NEAR_WIDTHS and 0.5 < nearest.width_px / last.width_px < 2
        return nearest if is_alone or is_near or at_s - self._last_s > _FORGOTTEN_AFTER_S else None

    async def _look_twice(self, frames: Sequence[FilmFrame]) -> list[Face]:
        """The face in the first of the frames, up to one that does not show it where it can be."""
        assert self._last is not None
        square = self._region or landmark_square(self._last.landmarks)
        first = await self._look(frames, [square] * len(frames))
        shown = next((index for index, face in enumerate(first) if face is None), len(first))
        again = [landmark_square(face.landmarks) for face in first[:shown] if face is not None]
        second = await self._look(frames[:shown], again)
        faces: list[Face] = []
        before = self._last
        for face in second:
            if face is None or not _follows(before, face):
                break
            faces.append(face)
            before = face
        return await self._confirm(frames, faces)

    async def _confirm(self, frames: Sequence[FilmFrame], faces: list[Face]) -> list[Face]:
        """Those of the faces that the detector sees as well, up to one that it does not see.

        The landmark model draws a face over whatever covers it. And of a head turned far to the side it reads a wider,
        more frontal face the wider its region is, so that region and face would run away look by look: where the
        detector disagrees with the landmarks of the last face, it says where the next batch is looked for.
        """
        if not faces:
            return faces
        regions = [landmark_square(face.landmarks) for face in faces]
        around = [dataclasses.replace(region, side=region.side * CONFIRMED_MARGIN) for region in regions]

        def shown() -> RgbImage:
            crops = [
                cut(frame.pixels, place.to_picture(NEAR_DETECTOR_PX), NEAR_DETECTOR_PX, repeat_border=False)
                for frame, place in zip(frames, around, strict=False)
            ]
            return np.stack(crops)

        found = await self._models.detect_near(await asyncio.to_thread(shown), self._deadline_s)
        count = next((index for index, item in enumerate(found) if item.scores.max() <= 0), len(found))
        if count:
            best = found[count - 1]
            box, keypoints = best.boxes[0].astype(np.float64), best.keypoints[0].astype(np.float64)
            self._region = _disagreed(regions[count - 1], detected_square(box, keypoints, around[count - 1]))
        return faces[:count]

    async def _look(self, frames: Sequence[FilmFrame], squares: Sequence[Square]) -> list[Face | None]:
        if not frames:
            return []

        def shown() -> RgbImage:
            return np.stack([landmark_crop(f.pixels, square) for f, square in zip(frames, squares, strict=True)])

        landmarks, presence = await self._models.find_landmarks(await asyncio.to_thread(shown), self._deadline_s)
        return [
            Face(landmarks_in_picture(points.astype(np.float64), square), float(share))
            if share >= LEAST_PRESENCE
            else None
            for points, share, square in zip(landmarks, presence, squares, strict=True)
        ]


def _disagreed(region: Square, detected: Square) -> Square | None:
    """Where the detector sees a face, if that is not where its landmarks are; None where both agree."""
    strayed = math.hypot(detected.x - region.x, detected.y - region.y) / region.side
    grown = abs(math.log(max(detected.side, 1.0) / region.side))
    return detected if strayed > _MOST_STRAYED or grown > _MOST_GROWN else None


def _centre(face: Face) -> Array:
    return np.asarray(face.landmarks[:, :2].mean(axis=0))


def _distance(first: Face, second: Face) -> float:
    """Between two faces, in widths of the first."""
    return float(np.linalg.norm(_centre(first) - _centre(second)) / max(first.width_px, 1.0))


def _follows(before: Face, face: Face) -> bool:
    """Whether a face may be what another one was a frame ago."""
    growth = face.width_px / max(before.width_px, 1.0)
    turn = landmark_square(face.landmarks).angle - landmark_square(before.landmarks).angle
    turn = abs((turn + math.pi) % (2 * math.pi) - math.pi)
    is_alike = _LEAST_GROWTH < growth < _MOST_GROWTH and turn < _FARTHEST_TURN
    return is_alike and _distance(before, face) < _FARTHEST_STEP
