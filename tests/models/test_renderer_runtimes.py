"""The renderer's ONNX file gives the same pictures everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import onnxruntime
import pytest

from models.conversion.manifest import REPOSITORY
from models.renderer.rendering import OpenVinoRenderer
from tests.fakes.portraits import astronaut_avatar, grey_avatar
from visage.media.portrait import AVATAR_TENSORS
from visage.media.windows import Array

pytestmark = pytest.mark.models

MODEL = REPOSITORY / "renderer" / "1" / "model.onnx"
LARGEST_DIFFERENCE = 2


@cache
def inputs() -> Mapping[str, Array]:
    """Two items of two avatars with lively curves and poses."""
    random = np.random.default_rng(5)
    active = random.random((2, 8, 52)) < 0.4
    avatars = (astronaut_avatar(), grey_avatar())
    return {
        "curves": (random.random((2, 8, 52)) * 0.8 * active).astype(np.float32),
        "pose": (random.normal(size=(2, 8, 6)) * [8, 5, 4, 2, 1, 4]).astype(np.float32),
        **{spec.name: np.stack([avatar.tensors[spec.name] for avatar in avatars]) for spec in AVATAR_TENSORS},
    }


def item(index: int) -> Mapping[str, Array]:
    return {name: array[index : index + 1] for name, array in inputs().items()}


@cache
def onnx_runtime() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


@cache
def onnx_frames() -> Array:
    return np.asarray(onnx_runtime().run(["frames"], dict(inputs()))[0])


def difference(first: Array, second: Array) -> int:
    return int(np.abs(first.astype(int) - second).max())


def test_onnx_runtime_and_openvino_agree() -> None:
    """Both CPU runtimes give the same frames within two grey levels."""
    frames = OpenVinoRenderer(MODEL.read_bytes(), items=2).run(inputs())

    assert frames.shape == (2, 8, 512, 512, 3)
    assert difference(frames, onnx_frames()) <= LARGEST_DIFFERENCE


def test_the_file_is_the_network() -> None:
    """The torch network gives the same frames within two grey levels."""
    torch = pytest.importorskip("torch", reason="torch is only needed to change the network")
    from models.renderer.network import Renderer

    with torch.inference_mode():
        frames = Renderer().eval()(*(torch.tensor(array) for array in inputs().values())).numpy()

    assert difference(frames, onnx_frames()) <= LARGEST_DIFFERENCE


def test_avatars_of_one_batch_do_not_mix() -> None:
    """Two different avatars in one batch look as each does alone."""
    for index in range(2):
        (alone,) = onnx_runtime().run(["frames"], dict(item(index)))

        assert difference(alone[0], onnx_frames()[index]) == 0
    assert np.abs(onnx_frames()[0].astype(int) - onnx_frames()[1]).mean() > 10


def test_equal_inputs_give_equal_frames() -> None:
    """Rendering is deterministic, frame by frame and call by call."""
    renderer = OpenVinoRenderer(MODEL.read_bytes())
    once, again = renderer.run(item(0)), renderer.run(item(0))
    same = dict(item(0))
    same["curves"], same["pose"] = np.repeat(same["curves"][:, :1], 8, 1), np.repeat(same["pose"][:, :1], 8, 1)
    still = renderer.run(same)[0]

    assert np.array_equal(once, again)
    assert all(np.array_equal(frame, still[0]) for frame in still)
