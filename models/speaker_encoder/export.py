"""Builds the ONNX file of the speaker encoder from Resemblyzer's weights."""

from __future__ import annotations

import io

import numpy as np
import torch
from onnx import TensorProto

from models.conversion.graph import GraphBuilder, LstmLayer, serialize
from models.conversion.sources import Sources
from models.speaker_encoder.mel import HOP, WINDOW, WINDOW_SAMPLES, fourier_kernels, mel_filters

FILE = "resemblyzer/pretrained.pt"
LAYERS = 3
DIMENSIONS = 256
# Never reached in practice; a division by zero must not be possible.
_LEAST_LENGTH = 1e-6


def read_weights(sources: Sources) -> dict[str, np.ndarray]:
    """The encoder's tensors by PyTorch's names."""
    saved = torch.load(io.BytesIO(sources.read("resemblyzer", FILE)), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in saved["model_state"].items()}


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file: pcm int16 (25840), 1.6 s at 16 kHz → embedding (256) of length 1."""
    weights = read_weights(sources)
    graph = GraphBuilder()
    samples = graph.node("Cast", ["pcm"], to=TensorProto.FLOAT)
    signal = graph.node("Mul", [graph.reshape(samples, [-1, 1, WINDOW_SAMPLES]), graph.floats(1 / 32768)])
    waves = graph.node("Conv", [signal, graph.floats(fourier_kernels())], kernel_shape=[WINDOW], strides=[HOP])
    squares = graph.node("Mul", [waves, waves])
    bins = WINDOW // 2 + 1
    power = graph.node("Add", [graph.slice(squares, 0, bins, 1), graph.slice(squares, bins, 2 * bins, 1)])
    # [batch, bins, frames] → [frames, batch, bands]
    steps = graph.node("Transpose", [power], perm=[2, 0, 1])
    value = graph.node("MatMul", [steps, graph.floats(mel_filters().T)])
    hidden = value
    for layer in range(LAYERS):
        value, hidden, _ = graph.lstm(
            value,
            LstmLayer(
                weights[f"lstm.weight_ih_l{layer}"],
                weights[f"lstm.weight_hh_l{layer}"],
                weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"],
            ),
        )
    last = graph.reshape(hidden, [-1, DIMENSIONS])
    projected = graph.node("MatMul", [last, graph.weight(weights["linear.weight"].T)])
    rectified = graph.node("Relu", [graph.node("Add", [projected, graph.weight(weights["linear.bias"])])])
    length = graph.node("ReduceL2", [rectified], axes=[1], keepdims=1)
    embedding = graph.node("Div", [rectified, graph.node("Max", [length, graph.floats(_LEAST_LENGTH)])])
    outputs = {"embedding": (embedding, [DIMENSIONS])}
    return serialize(graph.finish("speaker_encoder", "pcm", TensorProto.INT16, [WINDOW_SAMPLES], outputs))
