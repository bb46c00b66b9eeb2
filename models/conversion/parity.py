"""Measures how far an ONNX file is from what it was made of, and from itself in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.conversion.attention_reference import CUSTOM_OPERATORS
from models.conversion.graph import serialize
from models.conversion.sessions import run_onnx
from models.conversion.tflite_network import bare_network
from models.conversion.tflite_segments import SegmentedNetwork


@dataclass(frozen=True)
class Measurement:
    """A figure of the parity gate and the largest value that passes."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether the value is within its limit."""
        return bool(self.value <= self.limit)


def run_tflite(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    """The original network's flat outputs by name, (N, values), for float32 NHWC pictures."""
    network = SegmentedNetwork(content, CUSTOM_OPERATORS)
    runs = [network.run(image[None]) for image in images]
    return {name: np.stack([outputs[name] for outputs in runs]) for name in runs[0]}


def scaled(pictures: np.ndarray, low: float, high: float) -> np.ndarray:
    """uint8 0..255 → float32 low..high."""
    return (pictures.astype(np.float64) * ((high - low) / 255.0) + low).astype(np.float32)


def largest_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Largest absolute difference of two arrays of equal shape."""
    return float(np.abs(first.astype(np.float64) - second.astype(np.float64)).max())


def network_difference(content: bytes, images: np.ndarray, original: dict[str, np.ndarray]) -> float:
    """Largest difference of the bare converted network to `run_tflite`, relative to each output's range."""
    converted = run_onnx(serialize(bare_network(content)), images)
    return max(
        largest_difference(converted[name], values) / max(1.0, float(np.abs(values).max()))
        for name, values in original.items()
    )


def batch_difference(content: bytes, values: np.ndarray, name: str = "image") -> float:
    """Largest difference of one call with all items to one call per item; `name` is the model's only input."""
    together = run_onnx(content, values, name)
    return max(
        largest_difference(outputs[index : index + 1], run_onnx(content, values[index : index + 1], name)[output])
        for output, outputs in together.items()
        for index in range(len(values))
    )
