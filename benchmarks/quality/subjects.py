"""Who is looked at: avatars of photos, and clips of real people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from benchmarks.pictures import read_frames
from benchmarks.quality.face_models import FaceWatch, Landmarks
from models.renderer.rendering import OpenVinoRenderer, model_path
from visage.identity.avatar import build_framed_avatar, frame_portrait
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAME_PX, SCALARS
from visage.runtime.images import RgbImage

LONGEST_CLIP = 150
"""Frames of a clip that are looked at."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """An avatar. source: the framed photo, uint8 [512, 512, 3]; landmarks: float64 [478, 3] in its pixels."""

    name: str
    tensors: dict[str, npt.NDArray[np.generic]]
    source: RgbImage
    landmarks: Landmarks

    @property
    def smile_gain(self) -> float:
        """Share of MouthSmile that is shown: a photo that smiles already has less room for more."""
        first = SCALARS.index("left_smile_gain")
        return float(self.tensors["scalars"].ravel()[first : first + 2].mean())


@dataclass(frozen=True, eq=False)
class Clip:
    """A person. frames: uint8 [n, 512, 512, 3], framed as an avatar; landmarks: float64 [n, 478, 3] in their pixels."""

    name: str
    frames: RgbImage
    landmarks: Landmarks


class Stage:
    """Renders avatars at 512 pixels, in this process."""

    def __init__(self) -> None:
        self._pictures = OpenVinoRenderer(model_path().read_bytes())
        self._coverage = OpenVinoRenderer(model_path().read_bytes(), outputs=("alpha",))

    def render(
        self, portrait: Portrait, curves: npt.ArrayLike, poses: npt.ArrayLike | None = None, **textures: RgbImage
    ) -> RgbImage:
        """uint8 [n, 512, 512, 3] for curves [n, 52] and poses [n, 6]; `textures` replace the avatar's own tensors."""
        pose = None if poses is None else np.asarray(poses)
        return self._pictures.frames(portrait.tensors | textures, np.asarray(curves), pose)

    def coverage(self, portrait: Portrait, curves: npt.ArrayLike, poses: npt.ArrayLike) -> RgbImage:
        """uint8 [n, 512, 512]: what lies before the background."""
        return self._coverage.frames(portrait.tensors, np.asarray(curves), np.asarray(poses))


def fixtures() -> Path | None:
    """Folder of test photos and videos, or None where there is none: $VISAGE_FIXTURES, else ../shared/fixtures."""
    named = os.environ.get("VISAGE_FIXTURES")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "fixtures"
    return folder if folder.is_dir() else None


def photos() -> dict[str, RgbImage]:
    """Photos by name, uint8 RGB: scikit-image's astronaut, and those of the fixtures."""
    found = {"astronaut": np.asarray(skimage.data.astronaut(), np.uint8)}
    folder = fixtures()
    for path in sorted((folder / "photos").iterdir()) if folder else ():
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is not None:
            found[path.stem] = np.ascontiguousarray(picture[..., ::-1])
    return found


async def portrait_of(name: str, photo: RgbImage, watch: FaceWatch) -> Portrait:
    """The avatar of a photo's widest face. Raises ValueError where there is none."""
    face = await watch.find(photo)
    framed = frame_portrait(photo, face.landmarks)
    avatar = build_framed_avatar(framed, await watch.models.segment(framed.matte_input(), 0))
    source = np.asarray(cv2.resize(framed.image, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_AREA))
    return Portrait(name, tensors_for(avatar.tensors, FRAME_PX), source, framed.landmarks)


async def clips(watch: FaceWatch) -> list[Clip]:
    """The real clips of the fixtures, cut as the avatar of their first frame is framed."""
    folder = fixtures()
    return [await _clip(path, watch) for path in _videos(folder)] if folder else []


def _videos(folder: Path) -> Iterator[Path]:
    return iter(sorted((folder / "videos").glob("*.mp4")))


async def _clip(path: Path, watch: FaceWatch) -> Clip:
    frames = np.stack(read_frames(path)[0][:LONGEST_CLIP])
    face = await watch.find(frames[0])
    matrix = frame_portrait(frames[0], face.landmarks).transform * (FRAME_PX / 1024)
    size = (FRAME_PX, FRAME_PX)
    cut = [
        cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for frame in frames
    ]
    cropped = np.stack(cut)
    return Clip(path.stem, cropped, await watch.follow(cropped))
