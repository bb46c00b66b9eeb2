"""Measures the renderer's ONNX file: runtimes against the network, a batch against single items."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from models.conversion.manifest import REPOSITORY
from models.conversion.parity import Measurement
from models.conversion.sessions import open_session, run_session
from models.conversion.sources import Sources
from models.renderer.network import Renderer
from models.renderer.rendering import OpenVinoRenderer
from visage.media.arkit import CURVE_COUNT
from visage.media.portrait import AVATAR_TENSORS, FACE, FRAMES_PER_ITEM, NODE_PX, SCALARS, TensorSpec

ITEMS = 2
LIMIT = 2.0
_SEED = 3


def measure(content: bytes, _sources: Sources | None = None) -> list[Measurement]:
    """The figures of the parity gate, in grey levels."""
    inputs = synthetic_inputs()
    with torch.inference_mode():
        network = Renderer().eval()(*(torch.tensor(array) for array in inputs.values())).numpy()
    session = open_session(content)
    frames = run_session(session, inputs)["frames"]
    alone = [
        run_session(session, {name: array[index : index + 1] for name, array in inputs.items()})["frames"][0]
        for index in range(ITEMS)
    ]
    return [
        Measurement("ONNX Runtime vs. network", _difference(frames, network), LIMIT, "levels"),
        Measurement(
            "OpenVINO vs. network", _difference(OpenVinoRenderer(content, ITEMS).run(inputs), network), LIMIT, "levels"
        ),
        Measurement("batch of 2 vs. single items", _difference(frames, np.stack(alone)), 0.0, "levels"),
    ]


def synthetic_inputs() -> dict[str, np.ndarray]:
    """Two avatars of smooth random textures, small smooth displacements and the proportions of a real face."""
    random = np.random.default_rng(_SEED)
    active = random.random((ITEMS, FRAMES_PER_ITEM, CURVE_COUNT)) < 0.4
    curves = random.random(active.shape) * 0.8 * active
    pose = random.normal(size=(ITEMS, FRAMES_PER_ITEM, 6)) * [8, 5, 4, 2, 1, 4]
    tensors = {spec.name: np.stack([_tensor(spec, random) for _ in range(ITEMS)]) for spec in AVATAR_TENSORS}
    return {"curves": curves.astype(np.float32), "pose": pose.astype(np.float32), **tensors}


def _tensor(spec: TensorSpec, random: np.random.Generator) -> np.ndarray:
    if spec.name == "scalars":
        path = REPOSITORY / "renderer" / "warmup" / "scalars"
        scalars = np.frombuffer(path.read_bytes(), np.float32)
        if scalars.shape != (len(SCALARS),):
            raise ValueError(f"{path} does not fit the network")
        return scalars
    if spec.dtype == "uint8":
        return (_smooth(spec.shape, random) * 50 + 128).clip(0, 255).astype(np.uint8)
    if spec.dtype == "float16":  # flattened grids, FACE and JAW have the same columns
        columns = FACE.shape(NODE_PX)[1]
        planes = _smooth((spec.shape[0], spec.shape[1] // columns, columns), random)
        return (planes * 0.4).reshape(spec.shape).astype(spec.dtype)
    return (_smooth(spec.shape, random) * 0.1 + 0.5).astype(spec.dtype)


def _smooth(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Blurred noise of unit variance; the last two axes are the picture's."""
    planes = random.normal(size=shape).astype(np.float32).reshape(-1, *shape[-2:])
    blurred = np.stack([cv2.GaussianBlur(plane, (0, 0), 6) for plane in planes])
    return (blurred / max(float(blurred.std()), 1e-6)).reshape(shape)


def _difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(np.int16) - second).max())
