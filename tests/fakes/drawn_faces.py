"""Faces that a fake renderer "draws": the jaw's opening is the grey of a pixel, and the landmarks follow from it."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from visage.composition.values import SeenFace
from visage.media.arkit import CURVE_INDEX
from visage.media.canonical_face import FaceFit, canonical_vertices
from visage.media.vertex_basis import vertex_basis

JAW = CURVE_INDEX["JawOpen"]


def landmarks_of(jaw: float) -> npt.NDArray[np.float64]:
    """[478, 3] in pixels of a frame of 512, of the canonical face with its jaw open so far."""
    face = np.concatenate([canonical_vertices() + jaw * vertex_basis()[JAW], np.zeros((10, 3))])
    return FaceFit(1.6, np.eye(3), np.array([256.0, 220.0, 0.0])).place(face)


def landmarks_in(png: bytes) -> npt.NDArray[np.float64]:
    """Those of a picture whose last pixel has the jaw's grey."""
    grey = np.asarray(Image.open(io.BytesIO(png)))[-1, -1, 0]
    return landmarks_of(float(grey) / 255)


class DrawnFaces:
    """`visage.composition.ports.Faces`; `strangeness` turns the embedding away from the identity's."""

    def __init__(self, strangeness: float = 0.0, sees: bool = True) -> None:
        self.own = np.eye(128, dtype=np.float32)[0]
        self.shown = np.asarray(np.cos(strangeness) * self.own + np.sin(strangeness) * np.eye(128)[1], np.float32)
        self.sees = sees
        self.looks = 0

    async def embedding_of(self, identity: str) -> npt.NDArray[np.float32]:
        return self.own

    async def look(self, picture: bytes) -> SeenFace | None:
        self.looks += 1
        return SeenFace(landmarks_in(picture), self.shown) if self.sees else None
