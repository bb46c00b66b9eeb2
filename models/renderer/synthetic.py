"""Avatars of noise, to measure renderers with."""

from __future__ import annotations

import cv2
import numpy as np

from models.conversion.manifest import REPOSITORY
from visage.media.arkit import CURVE_COUNT
from visage.media.portrait import FACE, FRAMES_PER_ITEM, LIGHT, NODE_PX, SCALARS, TensorSpec, avatar_tensors

ITEMS = 2
_SEED = 3


def synthetic_inputs(size: int) -> dict[str, np.ndarray]:
    """Two avatars of smooth random textures, small smooth displacements and the proportions of a real face."""
    random = np.random.default_rng(_SEED)
    active = random.random((ITEMS, FRAMES_PER_ITEM, CURVE_COUNT)) < 0.4
    curves = random.random(active.shape) * 0.8 * active
    pose = random.normal(size=(ITEMS, FRAMES_PER_ITEM, 6)) * [8, 5, 4, 2, 1, 4]
    light = random.random((ITEMS, FRAMES_PER_ITEM, len(LIGHT))) * 2 - [1, 1, 2, 0.5, 0.5, 0.5, 0.5]
    moving = {"curves": curves, "pose": pose, "light": light}
    tensors = {spec.name: np.stack([_tensor(spec, random) for _ in range(ITEMS)]) for spec in avatar_tensors(size)}
    return {name: values.astype(np.float32) for name, values in moving.items()} | tensors


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
