"""The layers of dlib's face recognition network, read from its .dat file in the order they run.

The file does not hold the wiring; it is the one of dlib's published example `dnn_face_recognition_ex`:
a stem, then residual blocks in five levels, four of which begin by halving the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from models.conversion.dlib_reader import DlibReader, MalformedFile

SIZE = 150

_STEM = ["convolve", "scale", "rectify", "maximum"]
_BLOCK = ["keep input", "convolve", "scale", "rectify", "convolve", "scale", "add input", "rectify"]
_HALVE = ["keep input", "convolve", "scale", "rectify", "convolve", "scale"]
_HALVE += ["keep branch", "recall input", "average", "add branch", "rectify"]
WIRING = _STEM + (_BLOCK * 3 + _HALVE) * 2 + (_BLOCK * 2 + _HALVE) * 2 + ["average all", "project"]
_WITHOUT_CONTENT = ("keep input", "keep branch", "recall input")


@dataclass(frozen=True)
class Layer:
    """One step of the wiring with its arrays and integers (kernel, stride, padding) where it has any."""

    step: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    kernel: int = 0
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True)
class DlibNetwork:
    """Layers in running order and the mean colour (RGB, 0..255) that is taken off the picture first."""

    layers: list[Layer]
    mean_colour: list[float]


def read_network(content: bytes) -> DlibNetwork:
    """Reads the whole file. Raises MalformedFile when it holds any other network."""
    reader = DlibReader(content)
    _require(reader.integer() == 1 and reader.text() == "loss_metric_2", "loss layer")
    reader.reals(2)  # margin and distance threshold of the training loss
    versions = [reader.integer() for _ in WIRING][::-1]
    _require(reader.text() == "input_rgb_image_sized", "input layer")
    mean_colour = reader.reals(3)
    _require(reader.integers(2) == [SIZE, SIZE], "input size")

    layers = []
    for index, (step, version) in enumerate(zip(WIRING, versions, strict=True)):
        if step in _WITHOUT_CONTENT:
            layers.append(Layer(step))
            continue
        layers.append(_read_layer(reader, step))
        _skip_training_state(reader, first=index == 0, version=version)
    _require(reader.finished, "end of file")
    return DlibNetwork(layers, mean_colour)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise MalformedFile(f"unexpected {what}")


def _skip_training_state(reader: DlibReader, first: bool, version: int) -> None:
    """Flags, gradients and cached outputs that dlib keeps beside each layer."""
    for _ in range(3):
        reader.boolean()
    reader.tensor()
    reader.tensor()
    if first:
        reader.tensor()
        if version >= 3:
            reader.integer()
    elif version == 2:
        reader.tensor()


def _read_layer(reader: DlibReader, step: str) -> Layer:
    kind = reader.text()
    expected, read = _READERS[step]
    _require(kind in expected, f"layer {kind} in place of: {step}")
    return read(reader, step, kind)


def _read_convolution(reader: DlibReader, step: str, kind: str) -> Layer:
    parameters = reader.tensor().reshape(-1)
    filters, kernel, kernel_width, stride, stride_x, padding, padding_x = reader.integers(7)
    _require((kernel, stride, padding) == (kernel_width, stride_x, padding_x), "oblong window")
    shape, _ = reader.alias(), reader.alias()
    reader.reals(4)
    for _ in range({"con_4": 0, "con_5": 1, "con_6": 2}[kind]):
        reader.boolean()
    count = int(np.prod(shape))
    arrays = {"weights": parameters[:count].reshape(shape), "bias": parameters[count : count + filters]}
    return Layer(step, arrays, kernel, stride, padding)


def _read_scale(reader: DlibReader, step: str, kind: str) -> Layer:
    parameters = reader.tensor().reshape(-1)
    count = int(np.prod(reader.alias()))
    reader.alias()
    reader.integer()
    if kind == "affine_2":
        reader.boolean()
    return Layer(step, {"gain": parameters[:count], "shift": parameters[count : 2 * count]})


def _read_projection(reader: DlibReader, step: str, kind: str) -> Layer:
    outputs, inputs = reader.integers(2)
    parameters = reader.tensor().reshape(-1)
    reader.alias()
    reader.alias()
    reader.integer()
    reader.reals(4)
    if kind == "fc_3":
        reader.boolean()
    return Layer(step, {"weights": parameters[: inputs * outputs].reshape(inputs, outputs)})


def _read_pool(reader: DlibReader, step: str, kind: str) -> Layer:
    kernel, _, stride, _, padding, _ = reader.integers(6)
    return Layer(step, {}, kernel, stride, padding)


def _read_nothing(reader: DlibReader, step: str, kind: str) -> Layer:
    if kind == "relu_2":
        reader.boolean()
    return Layer(step)


_READERS: dict[str, tuple[tuple[str, ...], Callable[[DlibReader, str, str], Layer]]] = {
    "convolve": (("con_4", "con_5", "con_6"), _read_convolution),
    "scale": (("affine_", "affine_2"), _read_scale),
    "project": (("fc_2", "fc_3"), _read_projection),
    "maximum": (("max_pool_2",), _read_pool),
    "average": (("avg_pool_2",), _read_pool),
    "average all": (("avg_pool_2",), _read_pool),
    "rectify": (("relu_", "relu_2"), _read_nothing),
    "add input": (("add_prev_",), _read_nothing),
    "add branch": (("add_prev_",), _read_nothing),
}
