"""Whether landmarks hold: the landmark model looks several times, and what marks something real stays where it is."""

from __future__ import annotations

import asyncio

import numpy as np

from visage.identity.ports import FaceModels
from visage.identity.quality.samples import mirrored_points
from visage.media.canonical_face import MESH_POINTS
from visage.media.windows import Array
from visage.runtime.face_crops import LANDMARK_CROP_PX, Square, landmark_crop, landmark_square, landmarks_in_picture
from visage.runtime.faces import Face
from visage.runtime.images import RgbImage

_LOOKS = ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 1.12, 0.12), (0.03, -0.02, 0.92, -0.12))
"""Shift right and down in sides of the region, size, turn in radians; the first one is looked at mirrored, too."""
_FACE_WIDTH_MM = 148.0
"""Cheek to cheek of the mean face."""


async def landmark_spread_mm(image: RgbImage, face: Face, models: FaceModels, deadline_s: float) -> Array:
    """Returns how far each landmark strays between looks, root mean square in millimetres on the face, float [468].

    About 1 in clear photos; several times that where something hides the face or it is not drawn like one.
    """
    region = landmark_square(face.landmarks)
    squares = [
        Square(region.x + right * region.side, region.y + down * region.side, region.side * size, region.angle + turn)
        for right, down, size, turn in _LOOKS
    ]

    def prepare() -> RgbImage:
        crops = [landmark_crop(image, square) for square in squares]
        return np.stack([*crops, crops[0][:, ::-1]])

    found, _ = await models.find_landmarks(await asyncio.to_thread(prepare), deadline_s)
    mirrored = found[-1].copy()
    mirrored[:, 0] = LANDMARK_CROP_PX - mirrored[:, 0]
    mirrored[:MESH_POINTS] = mirrored[mirrored_points()]
    looks = zip((*found[:-1], mirrored), (*squares, squares[0]), strict=True)
    places = np.stack(
        [landmarks_in_picture(points.astype(np.float64), square)[:MESH_POINTS, :2] for points, square in looks]
    )
    strays = np.sqrt(((places - places.mean(0)) ** 2).sum(-1).mean(0))
    return np.asarray(strays * (_FACE_WIDTH_MM / face.width_px))
