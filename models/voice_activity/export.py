"""Builds the ONNX file of the voice-activity network from Silero's weights."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from models.conversion.graph import GraphBuilder, LstmLayer, serialize
from models.conversion.sources import Sources

# The safetensors file of the same package holds an older network.
FILE = "silero_vad/data/silero_vad_op18_ifless.onnx"
_PREFIX = "model."
FRAME = 512
CONTEXT = 64
FRAMES = 32
WINDOW_SAMPLES = FRAME * FRAMES
CELLS = 128
_FFT = 256
_HOP = 128
_PADDING = 64
_BINS = _FFT // 2 + 1
# Stride of each of the four convolutions over time.
_STRIDES = (1, 2, 2, 1)


def read_weights(sources: Sources) -> dict[str, np.ndarray]:
    """The tensors of the network for 16 kHz by their names in Silero's file."""
    graph = onnx.load_from_string(sources.read("silero-vad", FILE)).graph
    return {
        tensor.name.removeprefix(_PREFIX): numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.startswith(_PREFIX)
    }


def build_onnx(sources: Sources) -> bytes:
    """Returns the ONNX file, which hears 32 frames of 512 samples one after the other.

    pcm int16 (16384) at 16 kHz, context float32 (64) and state float32 (2, 128) of the call before, zeros at first →
    probability (32), context (64), state (2, 128).
    """
    weights = read_weights(sources)
    graph = GraphBuilder()
    samples = graph.node("Mul", [graph.node("Cast", ["pcm"], to=TensorProto.FLOAT), graph.floats(1 / 32768)])
    sound = graph.node("Concat", ["context", samples], axis=1)
    features = _features(graph, weights, _overlapping(graph, sound))
    steps = graph.node("Transpose", [graph.reshape(features, [-1, FRAMES, CELLS])], perm=[1, 0, 2])
    before = graph.node("Transpose", ["state"], perm=[1, 0, 2])
    layer = LstmLayer(
        weights["decoder.rnn.weight_ih"],
        weights["decoder.rnn.weight_hh"],
        weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"],
    )
    initial = (graph.slice(before, 0, 1, 0), graph.slice(before, 1, 2, 0))
    outputs, hidden, cell = graph.lstm(steps, layer, initial)
    score = graph.node("MatMul", [graph.node("Relu", [outputs]), graph.weight(weights["decoder.decoder.2.weight"][0])])
    logits = graph.node("Add", [score, graph.weight(weights["decoder.decoder.2.bias"])])
    probability = graph.node("Transpose", [graph.node("Sigmoid", [logits])], perm=[1, 0, 2])
    after = graph.node("Transpose", [graph.node("Concat", [hidden, cell], axis=0)], perm=[1, 0, 2])
    inputs = {
        "pcm": (TensorProto.INT16, [WINDOW_SAMPLES]),
        "context": (TensorProto.FLOAT, [CONTEXT]),
        "state": (TensorProto.FLOAT, [2, CELLS]),
    }
    results = {
        "probability": (graph.reshape(probability, [-1, FRAMES]), [FRAMES]),
        "context_after": (graph.slice(samples, WINDOW_SAMPLES - CONTEXT, WINDOW_SAMPLES, 1), [CONTEXT]),
        "state_after": (after, [2, CELLS]),
    }
    return serialize(graph.finish_with_inputs("voice_activity", inputs, results))


def _overlapping(graph: GraphBuilder, sound: str) -> str:
    """[batch, 64 + 16384] → [batch * 32, 1, 640]: each frame with the 64 samples before it, mirrored behind."""
    places = np.arange(FRAMES)[:, None] * FRAME + np.arange(CONTEXT + FRAME)
    mirrored = places[:, -2 : -2 - _PADDING : -1]
    indices = np.concatenate([places, mirrored], axis=1)
    frames = graph.node("Gather", [sound, graph.integers(indices)], axis=1)
    return graph.reshape(frames, [-1, 1, indices.shape[1]])


def _features(graph: GraphBuilder, weights: dict[str, np.ndarray], frames: str) -> str:
    """[n, 1, 640] → [n, 128]: magnitudes of four short spectra, then convolutions over these down to one step."""
    kernels = graph.weight(weights["stft.forward_basis_buffer"])
    waves = graph.node("Conv", [frames, kernels], kernel_shape=[_FFT], strides=[_HOP])
    squares = graph.node("Mul", [waves, waves])
    power = graph.node("Add", [graph.slice(squares, 0, _BINS, 1), graph.slice(squares, _BINS, 2 * _BINS, 1)])
    value = graph.node("Sqrt", [power])
    for number, stride in enumerate(_STRIDES):
        layer = f"encoder.{number}.reparam_conv"
        operands = [value, graph.weight(weights[f"{layer}.weight"]), graph.weight(weights[f"{layer}.bias"])]
        value = graph.node("Conv", operands, kernel_shape=[3], strides=[stride], pads=[1, 1])
        value = graph.node("Relu", [value])
    return graph.reshape(value, [-1, CELLS])
