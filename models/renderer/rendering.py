"""Runs the renderer's ONNX file on avatars, for measurements and contact sheets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
from safetensors.numpy import load_file

from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.portrait import AVATAR_TENSORS, FRAMES_PER_ITEM


def curve_vector(weights: Mapping[str, float]) -> np.ndarray:
    """float32 [52]; a name without side stands for both sides."""
    vector = np.zeros(CURVE_COUNT, np.float32)
    for name, weight in weights.items():
        for curve in (name,) if name in CURVE_INDEX else (f"{name}Left", f"{name}Right"):
            vector[CURVE_INDEX[curve]] = weight
    return vector


def load_avatar(path: Path) -> dict[str, np.ndarray]:
    """The renderer's inputs of one avatar file, without batch axis."""
    tensors = load_file(path)
    return {spec.name: tensors[spec.name] for spec in AVATAR_TENSORS}


class OpenVinoRenderer:
    """The graph at batch 1 with fixed shapes on one thread."""

    def __init__(self, content: bytes, items: int = 1) -> None:
        core = openvino.Core()
        model = core.read_model(content)
        model.reshape({
            port.any_name: [items, *(side.get_length() for side in list(port.get_partial_shape())[1:])]
            for port in model.inputs
        })  # fmt: skip
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """frames uint8 [items, 8, 512, 512, 3] of inputs with batch axis."""
        return np.array(next(iter(self._request.infer(dict(inputs)).values())))

    def frames(
        self, avatar: Mapping[str, np.ndarray], curves: np.ndarray, pose: np.ndarray | None = None
    ) -> np.ndarray:
        """uint8 [n, 512, 512, 3] for curves [n, 52] and pose [n, 6] of one avatar."""
        count = len(curves)
        pose = np.zeros((count, 6), np.float32) if pose is None else pose
        padding = -count % FRAMES_PER_ITEM
        curves = np.concatenate([curves, np.repeat(curves[-1:], padding, 0)]).astype(np.float32)
        pose = np.concatenate([pose, np.repeat(pose[-1:], padding, 0)]).astype(np.float32)
        still = {name: tensor[None] for name, tensor in avatar.items()}
        chunks = [
            self.run({
                "curves": curves[None, start : start + FRAMES_PER_ITEM],
                "pose": pose[None, start : start + FRAMES_PER_ITEM],
                **still,
            })[0]
            for start in range(0, len(curves), FRAMES_PER_ITEM)
        ]  # fmt: skip
        return np.concatenate(chunks)[:count]
