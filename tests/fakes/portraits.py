"""Portraits and avatars for tests: the NASA astronaut with the landmarks and matte that the face models find."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from visage.identity.avatar import Avatar, FramedPortrait, build_framed_avatar, frame_portrait

_GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "astronaut_face.npz"


def astronaut_photo() -> npt.NDArray[np.uint8]:
    """uint8 [512, 512, 3]."""
    return np.asarray(skimage.data.astronaut(), np.uint8)


def astronaut_landmarks() -> npt.NDArray[np.float64]:
    """float64 [478, 3] in pixels of the photo."""
    with np.load(_GOLDEN) as golden:
        return np.asarray(golden["landmarks"], np.float64)


def astronaut_matte() -> npt.NDArray[np.float32]:
    """Segmentation of the framed photo, float32 [256, 256]."""
    with np.load(_GOLDEN) as golden:
        return np.asarray(golden["alpha"], np.float32) / 255


@cache
def framed_astronaut() -> FramedPortrait:
    """The astronaut in canonical framing."""
    return frame_portrait(astronaut_photo(), astronaut_landmarks())


@cache
def astronaut_avatar() -> Avatar:
    """The astronaut's avatar."""
    return build_framed_avatar(framed_astronaut(), astronaut_matte())


@cache
def grey_avatar() -> Avatar:
    """Another avatar: the astronaut in black and white, darker, and seen from farther away."""
    photo = np.repeat(astronaut_photo().mean(-1, keepdims=True) * 0.7, 3, -1).astype(np.uint8)
    small = np.asarray(cv2.resize(photo, (384, 384), interpolation=cv2.INTER_AREA))
    return build_framed_avatar(frame_portrait(small, astronaut_landmarks() * 0.75), astronaut_matte())
