"""One stored avatar, the inputs of every size of renderer."""

from __future__ import annotations

import numpy as np
import pytest

from visage.media.avatars import tensors_for
from visage.media.portrait import AVATAR_TENSORS, RENDER_SIZES, STORED_PX, avatar_tensors, renderer_name

pytestmark = pytest.mark.unit


def stored() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {spec.name: (random.random(spec.shape) * 255).astype(spec.dtype) for spec in AVATAR_TENSORS}


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_every_size_gets_its_inputs(size: int) -> None:
    """Names, order, types and shapes are those of the renderer; pictures keep their mean."""
    avatar = stored()
    tensors = tensors_for(avatar, size)

    assert [(name, tensor.dtype, tensor.shape) for name, tensor in tensors.items()] == [
        (spec.name, np.dtype(spec.dtype), spec.shape) for spec in avatar_tensors(size)
    ]
    for name, tensor in tensors.items():
        assert tensor.astype(np.float64).mean() == pytest.approx(avatar[name].astype(np.float64).mean(), abs=0.3)


def test_the_stored_size_is_passed_on() -> None:
    """Nothing is copied for the renderer whose pictures are stored."""
    avatar = stored()

    assert all(tensor is avatar[name] for name, tensor in tensors_for(avatar, STORED_PX).items())


def test_pictures_are_averaged_over_area() -> None:
    """From 768 to 512 a pixel covers one and a half, from 768 to 256 three; a flat picture stays flat."""
    avatar = stored()
    avatar["background"] = np.zeros((768, 768, 3), np.uint8)
    avatar["background"][0] = 240
    avatar["foot"] = np.full_like(avatar["foot"], 77)
    half, third = tensors_for(avatar, 512), tensors_for(avatar, 256)

    assert half["background"][:2, 5, 0].tolist() == [160, 0]
    assert third["background"][:2, 5, 0].tolist() == [80, 0]
    assert np.unique(half["foot"]).tolist() == np.unique(third["foot"]).tolist() == [77]


def test_other_sizes_and_other_tensors_are_refused() -> None:
    """The message has the sizes that there are, or the tensor that does not fit."""
    with pytest.raises(ValueError, match="no renderer for 300 pixels, only for 256, 512, 768"):
        tensors_for(stored(), 300)
    broken = stored() | {"scalars": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match="scalars"):
        tensors_for(broken, 512)


def test_names_tell_the_size() -> None:
    """The renderer of the canonical frame has the plain name."""

    assert [renderer_name(size) for size in RENDER_SIZES] == ["renderer_256", "renderer", "renderer_768"]
