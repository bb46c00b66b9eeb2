"""The state of one TensorFlow Lite → ONNX translation. Rank-4 activations are NCHW on the ONNX side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.conversion.graph import GraphBuilder
from models.conversion.tflite_file import TfliteFile

_PADDING_SAME = 0


class UnsupportedLayer(ValueError):
    """The file uses an operator, or a setting of one, that the converter does not translate."""


@dataclass(frozen=True)
class Padding:
    """Zero rows and columns around a picture, in pixels."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def as_onnx(self) -> list[int]:
        """The order of ONNX `pads`: begins, then ends."""
        return [self.top, self.left, self.bottom, self.right]


class Translation:
    """Which ONNX value stands for which tensor of the file, and how to ask for a tensor as an operand."""

    def __init__(self, file: TfliteFile, graph: GraphBuilder, image: str) -> None:
        self.file = file
        self.graph = graph
        self.values: dict[int, str] = {file.input: image}
        self.constants: dict[int, np.ndarray] = {}
        self.pending_padding: dict[int, tuple[int, Padding]] = {}

    def constant(self, index: int) -> np.ndarray:
        """A constant operand as float32 or int. Raises UnsupportedLayer for an activation."""
        if index not in self.constants:
            values = self.file.constant(index)
            if values is None:
                raise UnsupportedLayer(f"tensor {index} is expected to be a constant")
            self.constants[index] = values.astype(np.float32) if values.dtype == np.float16 else values
        return self.constants[index]

    def value(self, index: int) -> str:
        """The ONNX name of an operand: an activation, a padded activation or a constant."""
        if index in self.values:
            return self.values[index]
        if index in self.pending_padding:
            source, padding = self.pending_padding[index]
            pads = [0, 0, padding.top, padding.left, 0, 0, padding.bottom, padding.right]
            name = self.graph.node("Pad", [self.value(source), self.graph.integers(pads)])
        else:
            values = self.constant(index)
            name = self.graph.weight(values.transpose(0, 3, 1, 2) if values.ndim == 4 else values)
        self.values[index] = name
        return name

    def padded_operand(
        self,
        index: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        mode: int,
    ) -> tuple[str, Padding]:
        """The picture a window slides over and its zero border; a PAD before it is folded into the border."""
        padding = Padding()
        if index in self.pending_padding and index not in self.values:
            index, padding = self.pending_padding[index]
            if mode == _PADDING_SAME:
                raise UnsupportedLayer("PAD before a layer with SAME padding")
        if mode == _PADDING_SAME:
            padding = self.same_padding(index, kernel, stride, dilation)
        return self.value(index), padding

    def same_padding(
        self, index: int, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)
    ) -> Padding:
        """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel at the bottom and right."""
        _, height, width, _ = self.file.shape(index)
        top, bottom = _same_border(height, kernel[0], stride[0], dilation[0])
        left, right = _same_border(width, kernel[1], stride[1], dilation[1])
        return Padding(top, left, bottom, right)


def _same_border(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2
