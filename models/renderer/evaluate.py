"""Measures a renderer's ONNX file: runtimes against the network, a batch against single items."""

from __future__ import annotations

import numpy as np
import onnx
import torch

from models.conversion.parity import Measurement, largest_difference
from models.conversion.sessions import open_session, run_session
from models.conversion.sources import Sources
from models.renderer.network import OUTPUTS, Renderer
from models.renderer.rendering import OpenVinoRenderer
from models.renderer.synthetic import ITEMS, synthetic_inputs

LIMIT = 2.0


def measure(content: bytes, _sources: Sources | None = None) -> list[Measurement]:
    """The figures of the parity gate, in grey levels."""
    size = picture_size(content)
    inputs = synthetic_inputs(size)
    with torch.inference_mode():
        tensors = Renderer(size).eval()(*(torch.tensor(array) for array in inputs.values()))
    network = {name: tensor.numpy() for name, tensor in zip(OUTPUTS, tensors, strict=True)}
    session = open_session(content)
    together = run_session(session, inputs)
    alone = [
        run_session(session, {name: array[index : index + 1] for name, array in inputs.items()})
        for index in range(ITEMS)
    ]
    stacked = {name: np.concatenate([item[name] for item in alone]) for name in OUTPUTS}
    compiled = OpenVinoRenderer(content, ITEMS, OUTPUTS).run(inputs)
    measurements = []
    for name in OUTPUTS:
        measurements += [
            _measurement(f"{name}: ONNX Runtime vs. network", together[name], network[name], LIMIT),
            _measurement(f"{name}: OpenVINO vs. network", compiled[name], network[name], LIMIT),
            _measurement(f"{name}: batch of {ITEMS} vs. single items", together[name], stacked[name], 0.0),
        ]
    return measurements


def _measurement(name: str, first: np.ndarray, second: np.ndarray, limit: float) -> Measurement:
    return Measurement(name, largest_difference(first, second), limit, "levels")


def picture_size(content: bytes) -> int:
    """Width and height of a file's pictures."""
    (background,) = (port for port in onnx.load_from_string(content).graph.input if port.name == "background")
    return int(background.type.tensor_type.shape.dim[1].dim_value)
