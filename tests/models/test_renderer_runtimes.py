"""The renderers' ONNX files give the same pictures everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import onnxruntime
import pytest

from models.conversion.sessions import open_session, run_session
from models.renderer.rendering import OpenVinoRenderer, model_path
from tests.fakes.portraits import astronaut_avatar, grey_avatar
from visage.media.avatars import tensors_for
from visage.media.portrait import FRAME_PX, PHOTO_LIGHT, RENDER_SIZES, avatar_tensors
from visage.media.windows import Array

pytestmark = pytest.mark.models

OUTPUTS = ("frames", "alpha", "yuv")
LARGEST_DIFFERENCE = 2

Tensors = Mapping[str, Array]


@cache
def inputs(size: int) -> Tensors:
    """Two items of two avatars with lively curves, poses and lights."""
    random = np.random.default_rng(5)
    active = random.random((2, 8, 52)) < 0.4
    avatars = [tensors_for(avatar.tensors, size) for avatar in (astronaut_avatar(), grey_avatar())]
    light = np.tile(np.float32(PHOTO_LIGHT), (2, 8, 1))
    light[:, 4:] = random.random((2, 4, 7)) * 2 - [1, 1, 2, 0.5, 0.5, 0.5, 0.5]
    return {
        "curves": (random.random((2, 8, 52)) * 0.8 * active).astype(np.float32),
        "pose": (random.normal(size=(2, 8, 6)) * [8, 5, 4, 2, 1, 4]).astype(np.float32),
        "light": light,
        **{spec.name: np.stack([avatar[spec.name] for avatar in avatars]) for spec in avatar_tensors(size)},
    }


def item(index: int, size: int = FRAME_PX) -> dict[str, Array]:
    return {name: array[index : index + 1] for name, array in inputs(size).items()}


@cache
def session(size: int) -> onnxruntime.InferenceSession:
    return open_session(model_path(size).read_bytes())


@cache
def onnx_outputs(size: int) -> Tensors:
    return run_session(session(size), inputs(size))


def difference(first: Array, second: Array) -> int:
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second).max())


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_onnx_runtime_and_openvino_agree(size: int) -> None:
    """Both CPU runtimes give the same pictures within two grey levels, whichever output is asked for."""
    compiled = OpenVinoRenderer(model_path(size).read_bytes(), items=2, outputs=OUTPUTS).run(inputs(size))

    assert compiled["frames"].shape == (2, 8, size, size, 3)
    assert compiled["alpha"].shape == (2, 8, size, size)
    assert compiled["yuv"].shape == (2, 8, size * 3 // 2, size)
    for name in OUTPUTS:
        assert difference(compiled[name], onnx_outputs(size)[name]) <= LARGEST_DIFFERENCE


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_the_file_is_the_network(size: int) -> None:
    """The torch network gives the same pictures within two grey levels."""
    torch = pytest.importorskip("torch", reason="torch is only needed to change the network")
    from models.renderer.network import Renderer

    with torch.inference_mode():
        outputs = Renderer(size).eval()(*(torch.tensor(array[:1]) for array in inputs(size).values()))

    for name, tensor in zip(OUTPUTS, outputs, strict=True):
        assert difference(tensor.numpy(), onnx_outputs(size)[name][:1]) <= LARGEST_DIFFERENCE


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_avatars_of_one_batch_do_not_mix(size: int) -> None:
    """Two different avatars in one batch look as each does alone, bit for bit."""
    for index in range(2):
        alone = run_session(session(size), item(index, size))

        for name in OUTPUTS:
            assert difference(alone[name][0], onnx_outputs(size)[name][index]) == 0
    frames = onnx_outputs(size)["frames"]
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 10


def test_equal_inputs_give_equal_frames() -> None:
    """Rendering is deterministic, frame by frame and call by call."""
    renderer = OpenVinoRenderer(model_path().read_bytes())
    once, again = (renderer.run(item(0))["frames"] for _ in range(2))
    same = item(0)
    for name in ("curves", "pose", "light"):
        same[name] = np.repeat(same[name][:, :1], 8, 1)
    still = renderer.run(same)["frames"][0]

    assert np.array_equal(once, again)
    assert all(np.array_equal(frame, still[0]) for frame in still)
