"""Batching and the choice of runtime do not change the answers."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from skimage import data, transform

from models.conversion.manifest import REPOSITORY
from models.conversion.sessions import open_session, run_session

pytestmark = pytest.mark.models

# Sides of the input, and the largest difference that does not matter in units of the outputs.
MODELS = {
    "face_detector": (192, 1e-3),
    "face_detector_short": (128, 1e-3),
    "face_landmarks": (192, 0.05),
    "portrait_matte": (256, 0.02),
    "face_embedder": (150, 0.01),
}


def pictures(size: int) -> np.ndarray:
    """Eight different uint8 pictures (8, size, size, 3), six with a face."""
    portrait = data.astronaut()
    whole = [portrait, portrait[:, ::-1], portrait[:400, 50:450], portrait // 2]
    faces = [portrait[30:200, 135:305], portrait[20:220, 120:320], data.coffee(), data.chelsea()]
    resized = [
        transform.resize(picture, (size, size), anti_aliasing=True, preserve_range=True) for picture in whole + faces
    ]
    return np.rint(np.stack(resized)).astype(np.uint8)


def content(name: str) -> bytes:
    return (REPOSITORY / name / "1" / "model.onnx").read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_batch_of_eight_equals_eight_calls(name: str) -> None:
    """A request does not notice which other requests share its batch."""
    session = open_session(content(name))
    images = pictures(MODELS[name][0])
    together = run_session(session, {"image": images})
    alone = [run_session(session, {"image": images[index : index + 1]}) for index in range(8)]

    for output, values in together.items():
        np.testing.assert_allclose(values, np.concatenate([one[output] for one in alone]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_openvino_agrees_with_onnx_runtime(name: str) -> None:
    """Both processor runtimes give the same answers."""
    size, tolerance = MODELS[name]
    images = pictures(size)
    expected = run_session(open_session(content(name)), {"image": images})
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(content(name)), "CPU", settings)
    found = compiled({"image": images})

    for output, values in expected.items():
        np.testing.assert_allclose(found[output], values, atol=tolerance, rtol=0)
