"""Finds the faces of a picture and their 478 landmarks."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from visage.runtime.face_crops import (
    EYE_CORNERS,
    Array,
    Square,
    Tile,
    cut,
    detected_square,
    landmark_crop,
    landmark_square,
    landmarks_in_picture,
    letterbox,
)
from visage.runtime.images import RgbImage

MOST_FACES: Final = 4
LEAST_PRESENCE: Final = 0.5
_DETECTOR_PX: Final = 192
NEAR_DETECTOR_PX: Final = 128
_CHEEKS: Final = (234, 454)
"""Mesh points: the face's border at the height of the ears."""
_LEAST_VISIBLE_SHARE: Final = 0.06
"""The detector misses faces narrower than this share of what it is shown; measured: 0.054 found, 0.036 not."""
_LEAST_WIDTH_PX: Final = 40.0
_MOST_TILES_A_SIDE: Final = 5
CONFIRMED_MARGIN: Final = 2.0
"""What the detector is shown of a face to confirm it, in landmark regions; measured: at 1.0 it misses blurred faces."""
ALL_QUARTERS: Final = (0, 1, 2, 3)
"""Ways to hold a picture, in quarter turns; the likeliest first."""
_CROWD_TILE: Final = 3.0
"""Side of a tile in a crowd, in widths of its widest face: what the detector, which names four, has in view at once."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detections:
    """Up to four faces of one picture, best first; coordinates in fractions 0..1 of the square picture.

    boxes [4, 4] (x0, y0, x1, y1), keypoints [4, 6, 2] (0 and 1 are the eyes), scores [4], 0 where there is no face.
    """

    boxes: FloatArray
    keypoints: FloatArray
    scores: FloatArray


class FaceFinder(Protocol):
    """The three networks. `deadline_s` is the time left for one call; all raise ModelError of runtime.triton."""

    async def detect(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """Faces in each of uint8 [n, 192, 192, 3], near or far."""
        ...

    async def detect_near(self, pictures: RgbImage, deadline_s: float) -> list[Detections]:
        """Faces in each of uint8 [n, 128, 128, 3] that fill much of the picture."""
        ...

    async def find_landmarks(self, crops: RgbImage, deadline_s: float) -> tuple[FloatArray, FloatArray]:
        """uint8 [n, 192, 192, 3] → landmarks [n, 478, 3] in crop pixels, presence [n] 0..1."""
        ...


Detect = Callable[[RgbImage, float], Awaitable[list[Detections]]]


@dataclass(frozen=True)
class Face:
    """A face in a picture: landmarks float [478, 3] in its pixels, z negative towards the viewer.

    confidence 0..1 is the landmark model's, that it sees a face; detection 0..1 the detector's, shown the face upright.
    """

    landmarks: Array
    confidence: float
    detection: float = 1.0

    @cached_property
    def width_px(self) -> float:
        """Width from cheek to cheek, measured in depth too, so that turning the head does not change it."""
        first, second = self.landmarks[list(_CHEEKS)]
        return float(np.linalg.norm(first - second))

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width and height of the landmarks' bounding box, in pixels."""
        low, high = self.landmarks[:, :2].min(axis=0), self.landmarks[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


async def find_faces(
    image: RgbImage,
    models: FaceFinder,
    deadline_s: float,
    *,
    quarters: Sequence[int] = ALL_QUARTERS,
    most: int = MOST_FACES,
    looks_closer: bool = True,
) -> list[Face]:
    """Returns the faces of a picture, widest first, at most `most`, however the picture is turned.

    The detector for all distances is asked first, on the picture held in all four ways; where none of its finds turns
    out to be a face, the one for near faces. Faces that are small in a large picture are then looked for in overlapping
    tiles, held as the widest known face says. Landmarks are found twice: the second look is centred and turned by the
    first one's landmarks.

    Args:
        image: The picture.
        models: The networks.
        deadline_s: Seconds for each call of one.
        quarters: Ways in which it may be held, in quarter turns.
        most: Above four, a picture that shows four is searched once more, part by part.
        looks_closer: Whether tiles are searched at all.
    """
    height, width = image.shape[:2]
    whole = [Tile(0, 0, width, height)]
    faces = await _search(image, whole, quarters, _DETECTOR_PX, models.detect, models, deadline_s)
    if not faces:
        faces = await _search(image, whole, quarters, NEAR_DETECTOR_PX, models.detect_near, models, deadline_s)
    if looks_closer:
        faces = await _search_closer(image, faces, quarters, most, models, deadline_s)
    return sorted(faces, key=lambda face: face.width_px, reverse=True)[:most]


async def _search_closer(
    image: RgbImage, faces: list[Face], quarters: Sequence[int], most: int, models: FaceFinder, deadline_s: float
) -> list[Face]:
    """The faces found so far and those that tiles show."""
    height, width = image.shape[:2]
    tiles = _closer_look(width, height, faces)
    if most > MOST_FACES and len(faces) >= MOST_FACES:
        tiles += _tiles(width, height, max(_CROWD_TILE * faces[0].width_px, max(width, height) / _MOST_TILES_A_SIDE))
    if tiles:
        for quarter in [_nearest_quarter(faces)] if faces else quarters:
            found = await _search(image, tiles, (quarter,), _DETECTOR_PX, models.detect, models, deadline_s)
            faces = faces + found
            if faces:
                break
    return _without_repetitions(faces)


def _nearest_quarter(faces: list[Face]) -> int:
    """By how many quarter turns, clockwise in the image, the widest face is held."""
    first, second = max(faces, key=lambda face: face.width_px).landmarks[list(EYE_CORNERS), :2]
    return round(math.atan2(second[1] - first[1], second[0] - first[0]) / (math.pi / 2)) % 4


def _closer_look(width: int, height: int, faces: list[Face]) -> list[Tile]:
    """Tiles small enough to show a face half as wide as the widest known one, or any worth a message."""
    wanted_px = max((face.width_px / 2 for face in faces), default=_LEAST_WIDTH_PX)
    return _tiles(width, height, max(wanted_px / _LEAST_VISIBLE_SHARE, max(width, height) / _MOST_TILES_A_SIDE))


def _tiles(width: int, height: int, side: float) -> list[Tile]:
    """Overlapping tiles of that side; none where the picture is no larger."""
    if max(width, height) <= side:
        return []
    return [
        Tile(x, y, min(round(side), width), min(round(side), height))
        for y in _starts(height, round(side))
        for x in _starts(width, round(side))
    ]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of a side begin that cover a length evenly and overlap by a third at least."""
    if length <= side:
        return [0]
    count = math.ceil((length - side) / (side * 2 / 3)) + 1
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


async def _search(
    image: RgbImage,
    tiles: list[Tile],
    quarters: Sequence[int],
    size_px: int,
    detect: Detect,
    models: FaceFinder,
    deadline_s: float,
) -> list[Face]:
    def prepare() -> tuple[RgbImage, list[Square]]:
        held = [item for tile in tiles for item in letterbox(image, tile, size_px, quarters)]
        return np.stack([picture for picture, _ in held]), [frame for _, frame in held]

    pictures, frames = await asyncio.to_thread(prepare)
    found = await detect(pictures, deadline_s)
    squares = [
        detected_square(box.astype(np.float64), keypoints.astype(np.float64), frame)
        for detections, frame in zip(found, frames, strict=True)
        for box, keypoints, score in zip(detections.boxes, detections.keypoints, detections.scores, strict=True)
        if score > 0
    ]
    first_look = await _look(image, squares, models, deadline_s)
    second_look = await _look(image, [landmark_square(face.landmarks) for face in first_look], models, deadline_s)
    return _without_repetitions(await _confirm(image, second_look, models, deadline_s))


async def _look(image: RgbImage, squares: list[Square], models: FaceFinder, deadline_s: float) -> list[Face]:
    """Returns the faces among the squares."""
    squares = [square for square in squares if square.side > 1]
    if not squares:
        return []
    crops = await asyncio.to_thread(lambda: np.stack([landmark_crop(image, square) for square in squares]))
    landmarks, presence = await models.find_landmarks(crops, deadline_s)
    return [
        Face(landmarks_in_picture(points.astype(np.float64), square), float(share))
        for points, share, square in zip(landmarks, presence, squares, strict=True)
        if share >= LEAST_PRESENCE
    ]


async def _confirm(image: RgbImage, faces: list[Face], models: FaceFinder, deadline_s: float) -> list[Face]:
    """Shows each face to the near detector as it is held; what it does not recognise then is none.

    The landmark model takes a face upside down, and some things, for upright faces; the detector does not.
    """
    if not faces:
        return []
    squares = [landmark_square(face.landmarks) for face in faces]
    frames = [dataclasses.replace(square, side=square.side * CONFIRMED_MARGIN) for square in squares]
    size_px = NEAR_DETECTOR_PX
    pictures = await asyncio.to_thread(
        lambda: np.stack([cut(image, frame.to_picture(size_px), size_px, repeat_border=False) for frame in frames])
    )
    found = await models.detect_near(pictures, deadline_s)
    scores = [float(detections.scores.max()) for detections in found]
    return [dataclasses.replace(face, detection=score) for face, score in zip(faces, scores, strict=True) if score > 0]


def _without_repetitions(faces: list[Face]) -> list[Face]:
    """Drops a face whose centre lies within that of one detected better: several detections may mean one face."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda item: item.detection, reverse=True):
        centre = face.landmarks[:, :2].mean(axis=0)
        distances = [np.linalg.norm(centre - other.landmarks[:, :2].mean(axis=0)) for other in kept]
        if all(d > other.width_px / 2 for d, other in zip(distances, kept, strict=True)):
            kept.append(face)
    return kept
