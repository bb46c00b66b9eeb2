"""The avatar as a value."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.portraits import (
    astronaut_avatar,
    astronaut_landmarks,
    astronaut_matte,
    astronaut_photo,
    framed_astronaut,
)
from visage.identity.avatar import Avatar, build_avatar, build_framed_avatar
from visage.media.portrait import AVATAR_TENSORS
from visage.media.windows import Array

pytestmark = pytest.mark.unit


def test_an_avatar_survives_its_bytes() -> None:
    """Tensors, preview and digest come back from the byte string."""
    avatar = astronaut_avatar()
    copy = Avatar.from_bytes(avatar.to_bytes())

    assert copy.digest == avatar.digest
    assert np.array_equal(copy.preview, avatar.preview)
    assert all(np.array_equal(copy.tensors[spec.name], avatar.tensors[spec.name]) for spec in AVATAR_TENSORS)


def test_tensors_are_finite_and_as_declared() -> None:
    """Every tensor has the declared type and shape and no NaN."""
    for spec in AVATAR_TENSORS:
        tensor = astronaut_avatar().tensors[spec.name]

        assert (tensor.dtype, tensor.shape) == (np.dtype(spec.dtype), spec.shape)
        assert np.isfinite(tensor.astype(np.float64)).all()


def test_building_twice_gives_the_same_bytes() -> None:
    """An avatar is a pure function of photo, landmarks and matte."""
    again = build_framed_avatar(framed_astronaut(), astronaut_matte())

    assert again.digest == astronaut_avatar().digest


def test_one_call_frames_segments_and_builds() -> None:
    """build_avatar hands the matte model the framed picture and gives the same avatar."""
    seen: list[Array] = []

    def matte(picture: Array) -> Array:
        seen.append(picture)
        return astronaut_matte()

    avatar = build_avatar(astronaut_photo(), astronaut_landmarks(), matte)

    assert avatar.digest == astronaut_avatar().digest
    assert [picture.shape for picture in seen] == [(256, 256, 3)]


def test_other_bytes_are_refused() -> None:
    """Garbage, and a file without the avatar's tensors, are no avatar."""
    with pytest.raises(ValueError, match="not an avatar"):
        Avatar.from_bytes(b"nothing of the kind")
    tensors = dict(astronaut_avatar().tensors)
    del tensors["scalars"]
    with pytest.raises(ValueError, match="scalars"):
        Avatar(tensors, astronaut_avatar().preview)
