"""What all measures look at: a framed photo's colours at the mesh's points, and which points lie on plain skin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np

from visage.identity.avatar import FramedPortrait
from visage.identity.avatar.matte import face_mask
from visage.media.canonical_face import (
    BROW_OUTLINES,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP,
    MESH_POINTS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP,
    FaceFit,
    canonical_vertices,
    fit_face,
)
from visage.media.portrait import FRAME_PX
from visage.media.windows import Array

EYES = (RIGHT_UPPER_LID + RIGHT_LOWER_LID[::-1], LEFT_UPPER_LID + LEFT_LOWER_LID[::-1])
"""Outline of either eye's opening, the image's left one first."""
LIPS = UPPER_LIP[3] + LOWER_LIP[3][::-1]
_FEATURE_MARGIN_MM = 4.0
_FINE_PX, _BROAD_PX = 2.0, 6.0
"""Blur in frame pixels: 1.25 mm without pores and grain, and 3.75 mm without the rims of glasses."""


@dataclass(frozen=True)
class FaceSamples:
    """A framed photo, ready to be measured."""

    framed: FramedPortrait

    @cached_property
    def fit(self) -> FaceFit:
        """Where the mean face lies in the frame."""
        return fit_face(self.framed.landmarks)

    @cached_property
    def half(self) -> Array:
        """The frame, float32 RGB [512, 512, 3], 0..1."""
        smaller = cv2.resize(self.framed.image, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_AREA)
        return np.asarray(smaller, np.float32) / 255

    @cached_property
    def colours(self) -> Array:
        """Colour at each mesh point without grain, float32 RGB [468, 3], 0..1."""
        return self._at_points(_FINE_PX)

    @cached_property
    def broad_light(self) -> Array:
        """Linear light at each mesh point, mean of some millimetres around, float32 RGB [468, 3], 0..1."""
        return _linear(self._at_points(_BROAD_PX))

    def _at_points(self, blur_px: float) -> Array:
        blurred = np.asarray(cv2.GaussianBlur(self.half, (0, 0), blur_px))
        places = self.framed.landmarks[:MESH_POINTS, :2].clip(0, FRAME_PX - 1).astype(int)
        return np.asarray(blurred[places[:, 1], places[:, 0]])

    @cached_property
    def skin_mask(self) -> Array:
        """The face without eyes, brows and lips, bool [512, 512]."""
        points = self.framed.landmarks[:, :2]
        features = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
        for outline in (*EYES, LIPS, *BROW_OUTLINES):
            cv2.fillPoly(features, [np.round(points[list(outline)]).astype(np.int32)], (1,))
        size = 2 * round(_FEATURE_MARGIN_MM * self.fit.scale) + 1
        features = np.asarray(cv2.dilate(features, np.ones((size, size), np.uint8)))
        return np.asarray((face_mask(self.framed.landmarks) > 0) & (features == 0))


def brightness(colours: Array) -> Array:
    """Luma of sRGB colours [..., 3], weights of Rec. 601."""
    return np.asarray(colours @ np.array([0.299, 0.587, 0.114], np.float32))


def _linear(levels: Array) -> Array:
    """sRGB levels to linear light, both 0..1. Source: IEC 61966-2-1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


@cache
def skin_points() -> tuple[int, ...]:
    """Mesh points on cheeks, nose and lower forehead: seldom hidden, never bearded."""
    x, y, _ = canonical_vertices().T
    cheeks = (np.abs(x) > 20) & (np.abs(x) < 52) & (y > 26) & (y < 50)
    nose = (np.abs(x) < 12) & (y > -2) & (y < 36)
    forehead = (np.abs(x) < 35) & (y < -30) & (y > -48)
    return tuple(int(index) for index in np.flatnonzero(cheeks | nose | forehead))


@cache
def mirrored_points() -> Array:
    """For each mesh point the one on the other side of the face, int [468]."""
    vertices = canonical_vertices()
    distances = ((vertices[:, None] * [-1, 1, 1] - vertices[None]) ** 2).sum(-1)
    return np.asarray(distances.argmin(1))
