"""The renderers' ONNX files give the same pictures everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import av
import numpy as np
import onnxruntime
import pytest
from av.video.reformatter import Interpolation, VideoReformatter

from models.conversion.sessions import open_session, run_session
from models.renderer.rendering import OpenVinoRenderer, model_path
from tests.fakes.portraits import astronaut_avatar, grey_avatar
from visage.composition.pictures import COLORSPACE
from visage.media.avatars import tensors_for
from visage.media.curves import POSE_LIMITS
from visage.media.portrait import FRAME_PX, PHOTO_LIGHT, RENDER_SIZES, avatar_tensors
from visage.media.windows import Array

pytestmark = pytest.mark.models

OUTPUTS = ("frames", "alpha", "yuv")
MOVING = ("curves", "pose", "light")
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


@cache
def compiled(size: int) -> OpenVinoRenderer:
    return OpenVinoRenderer(model_path(size).read_bytes(), outputs=OUTPUTS)


@cache
def compiled_outputs(size: int) -> Tensors:
    return compiled(size).run(item(0, size))


def difference(first: Array, second: Array) -> int:
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second).max())


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_onnx_runtime_and_openvino_agree(size: int) -> None:
    """Both CPU runtimes give the same pictures within two grey levels, whichever output is asked for."""
    outputs = compiled_outputs(size)

    assert outputs["frames"].shape == (1, 8, size, size, 3)
    assert outputs["alpha"].shape == (1, 8, size, size)
    assert outputs["yuv"].shape == (1, 8, size * 3 // 2, size)
    for name in OUTPUTS:
        assert difference(outputs[name], onnx_outputs(size)[name][:1]) <= LARGEST_DIFFERENCE


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
    alone = run_session(session(size), item(1, size))
    frames = onnx_outputs(size)["frames"]

    for name in OUTPUTS:
        assert np.array_equal(alone[name][0], onnx_outputs(size)[name][1])
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 10


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_a_frame_s_place_in_its_chunk_does_not_matter(size: int) -> None:
    """A chunk played backwards gives the same frames, bit for bit, and each frame alone fills a chunk with itself."""
    backwards, alone = item(0, size), item(0, size)
    for name in MOVING:
        backwards[name] = np.ascontiguousarray(backwards[name][:, ::-1])
        alone[name] = np.repeat(alone[name][:, 5:6], 8, 1)
    reversed_outputs = compiled(size).run(backwards)
    still = compiled(size).run(alone)

    for name, together in compiled_outputs(size).items():
        assert np.array_equal(reversed_outputs[name][:, ::-1], together)
        assert all(np.array_equal(frame, together[0, 5]) for frame in still[name][0])


def test_equal_inputs_give_equal_frames() -> None:
    """Rendering is deterministic, call by call."""
    again = compiled(FRAME_PX).run(item(0))

    assert all(np.array_equal(again[name], array) for name, array in compiled_outputs(FRAME_PX).items())


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_yuv_is_what_the_encoder_s_scaler_makes_of_the_frames(size: int) -> None:
    """The planes are those that composition converts RGB frames to, within two levels."""
    outputs = compiled_outputs(size)
    for frame, planes in zip(outputs["frames"][0], outputs["yuv"][0], strict=True):
        picture = av.VideoFrame.from_ndarray(frame, "rgb24")
        converted = VideoReformatter().reformat(
            picture, format="yuv420p", dst_colorspace=COLORSPACE, interpolation=Interpolation.AREA
        )

        assert difference(converted.to_ndarray(), planes) <= 2


@pytest.mark.parametrize("size", RENDER_SIZES)
def test_alpha_is_the_portrait_s_coverage(size: int) -> None:
    """Alpha is full in the face, nothing in the far background, and tells how much of a background shows."""
    black, white = item(0, size), item(0, size)
    for scene, grey in ((black, 0), (white, 255)):
        scene["background"] = np.full_like(scene["background"], grey)
    alpha = compiled_outputs(size)["alpha"][0]
    on_black, on_white = (compiled(size).run(scene)["frames"][0].astype(int) for scene in (black, white))
    middle = slice(size // 2 - size // 16, size // 2 + size // 16)

    assert alpha[:, middle, middle].min() == 255
    assert alpha[:, : size // 10, : size // 10].max() == 0
    # Where the light is beyond white nothing can be told.
    shows = np.where(on_white.max(-1, keepdims=True) < 255, on_white - on_black, (255 - alpha)[..., None])
    assert difference(shows, (255 - alpha.astype(int))[..., None].repeat(3, -1)) <= 2


def test_values_out_of_range_are_clamped() -> None:
    """Curves, poses and lights beyond their limits look as those at the limit; no direction is a frontal light."""
    wild, tame = item(0), item(0)
    limits = np.float32(POSE_LIMITS)
    wild["curves"], tame["curves"] = wild["curves"] * 9 - 1, (wild["curves"] * 9 - 1).clip(-0.3, 1.2)
    wild["pose"], tame["pose"] = np.zeros((1, 8, 6), np.float32), np.zeros((1, 8, 6), np.float32)
    wild["pose"][0, :6] = np.diag(limits * 50)
    tame["pose"][0, :6] = np.diag(limits)
    wild["light"] = np.tile(np.float32([0, 0, 0, 7, 5, -3, 0.5]), (1, 8, 1))
    tame["light"] = np.tile(np.float32([0, 0, -2, 1, 1, 0, 0.5]), (1, 8, 1))
    first, second = (compiled(FRAME_PX).run(scene)["frames"] for scene in (wild, tame))

    assert difference(first, second) <= 1
