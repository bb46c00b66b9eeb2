"""Runs the renderer's ONNX files on avatars, for measurements and contact sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino
from safetensors.numpy import load_file

from models.conversion.manifest import REPOSITORY
from visage.media.arkit import CURVE_COUNT, CURVE_INDEX
from visage.media.avatars import tensors_for
from visage.media.curves import POSE_COUNT
from visage.media.portrait import FRAME_PX, FRAMES_PER_ITEM, PHOTO_LIGHT, renderer_name


def model_path(size: int = FRAME_PX) -> Path:
    """The committed ONNX file of one size."""
    return REPOSITORY / renderer_name(size) / "1" / "model.onnx"


def curve_vector(weights: Mapping[str, float]) -> np.ndarray:
    """float32 [52]; a name without side stands for both sides."""
    vector = np.zeros(CURVE_COUNT, np.float32)
    for name, weight in weights.items():
        for curve in (name,) if name in CURVE_INDEX else (f"{name}Left", f"{name}Right"):
            vector[CURVE_INDEX[curve]] = weight
    return vector


def load_avatar(path: Path, size: int = FRAME_PX) -> dict[str, np.ndarray]:
    """The inputs of the renderer of `size` from an avatar file, without batch axis."""
    return tensors_for(load_file(path), size)


class OpenVinoRenderer:
    """The graph with fixed shapes on one thread, cut down to the wanted outputs."""

    def __init__(
        self, content: bytes, items: int = 1, outputs: Sequence[str] = ("frames",), profiled: bool = False
    ) -> None:
        core = openvino.Core()
        model = core.read_model(content)
        model.reshape({
            port.any_name: [items, *(side.get_length() for side in list(port.get_partial_shape())[1:])]
            for port in model.inputs
        })  # fmt: skip
        for result in model.get_results():
            if result.input(0).get_tensor().get_any_name() not in outputs:
                model.remove_result(result)
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
        options |= {"PERF_COUNT": True} if profiled else {}
        self._request = core.compile_model(model, "CPU", options).create_infer_request()
        self.outputs = tuple(outputs)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The wanted outputs by name, uint8 [items, 8, …], of inputs with batch axis."""
        self._request.infer(dict(inputs))
        return {name: np.array(self._request.get_tensor(name).data) for name in self.outputs}

    def microseconds_by_kind(self) -> dict[str, float]:
        """Time of the last run by kind of node; of a profiled renderer."""
        kinds: dict[str, float] = {}
        for node in self._request.profiling_info:
            kinds[node.node_type] = kinds.get(node.node_type, 0.0) + node.real_time.total_seconds() * 1e6
        return kinds

    def frames(
        self,
        avatar: Mapping[str, np.ndarray],
        curves: np.ndarray,
        pose: np.ndarray | None = None,
        light: np.ndarray | None = None,
    ) -> np.ndarray:
        """The first output, uint8 [n, …], for curves [n, 52], pose [n, 6] and light [n, 7] of one avatar."""
        count = len(curves)
        moving = {
            "curves": curves,
            "pose": np.zeros((count, POSE_COUNT)) if pose is None else pose,
            "light": np.tile(PHOTO_LIGHT, (count, 1)) if light is None else light,
        }
        still = {name: tensor[None] for name, tensor in avatar.items()}
        chunks = []
        for start in range(0, count, FRAMES_PER_ITEM):
            wanted = np.minimum(np.arange(start, start + FRAMES_PER_ITEM), count - 1)
            inputs = {name: np.asarray(values, np.float32)[wanted][None] for name, values in moving.items()}
            chunks.append(self.run(inputs | still)[self.outputs[0]][0])
        return np.concatenate(chunks)[:count]
