"""A small ONNX graph builder with deterministic names, so that equal inputs give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
# Below this size a Cast costs more than the bytes it saves.
SMALLEST_HALF_CONSTANT = 17


@dataclass(frozen=True)
class LstmLayer:
    """PyTorch's weights of one layer: [4 cells, features], [4 cells, cells] and the sum of both biases [4 cells]."""

    input_weights: np.ndarray
    state_weights: np.ndarray
    biases: np.ndarray


class GraphBuilder:
    """Collects nodes and constants; every method that adds something returns the name of the new value."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._count = 0

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node with one output."""
        return self.node_with_outputs(operator, inputs, 1, **attributes)[0]

    def node_with_outputs(self, operator: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """Adds a node with `count` outputs."""
        name = self._fresh(operator.lower())
        outputs = [name] if count == 1 else [f"{name}_{index}" for index in range(count)]
        self._nodes.append(helper.make_node(operator, list(inputs), outputs, name=name, **attributes))
        return outputs

    def constant(self, values: np.ndarray) -> str:
        """Adds a constant as it is."""
        name = self._fresh("constant")
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def floats(self, values: Any) -> str:
        """Adds a float32 constant."""
        return self.constant(np.asarray(values, np.float32))

    def integers(self, values: Any) -> str:
        """Adds an int64 constant (shapes, axes, indices)."""
        return self.constant(np.asarray(values, np.int64))

    def weight(self, values: np.ndarray, round_to_half: bool = False) -> str:
        """Adds a float32 weight; stored as float16 plus a Cast when that loses nothing, or on request.

        Runtimes fold the Cast at load time, so halving the file costs nothing per call.
        """
        single = np.ascontiguousarray(values, np.float32)
        half = single.astype(np.float16)
        exact = np.array_equal(half.astype(np.float32), single)
        if single.size >= SMALLEST_HALF_CONSTANT and (exact or round_to_half):
            return self.node("Cast", [self.constant(half)], to=TensorProto.FLOAT)
        return self.constant(single)

    def slice(self, value: str, start: int, stop: int, axis: int) -> str:
        """Takes `start:stop` along one axis."""
        return self.node("Slice", [value, self.integers([start]), self.integers([stop]), self.integers([axis])])

    def lstm(self, value: str, layer: LstmLayer, initial: tuple[str, str] | None = None) -> tuple[str, str, str]:
        """Adds a recurrent layer over [steps, batch, features]; returns outputs [steps, batch, cells], last h and c.

        `initial` is h and c [1, batch, cells] before the first step, zero when absent.
        """
        blocks = [np.split(array, 4) for array in (layer.input_weights, layer.state_weights, layer.biases)]
        # PyTorch has input, forget, cell, output gates; ONNX input, output, forget, cell.
        weights, recurrent, biases = (np.concatenate([i, o, f, c]) for i, f, c, o in blocks)
        operands = [value, self.weight(weights[None]), self.weight(recurrent[None])]
        operands.append(self.constant(np.concatenate([biases, np.zeros_like(biases)])[None]))
        operands += ["", *initial] if initial else []
        cells = recurrent.shape[1]
        outputs, hidden, cell = self.node_with_outputs("LSTM", operands, 3, hidden_size=cells)
        return self.node("Squeeze", [outputs, self.integers([1])]), hidden, cell

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        """Reshapes; -1 stands for the batch."""
        return self.node("Reshape", [value, self.integers(list(shape))])

    def image(self, name: str, low: float, high: float) -> str:
        """Turns the uint8 NHWC input `name` into float32 NCHW scaled linearly from 0..255 to low..high."""
        scaled = self.node(
            "Mul",
            [self.node("Cast", [name], to=TensorProto.FLOAT), self.floats((high - low) / 255.0)],
        )
        shifted = self.node("Add", [scaled, self.floats(low)]) if low else scaled
        return self.node("Transpose", [shifted], perm=[0, 3, 1, 2])

    def finish(
        self,
        name: str,
        input_name: str,
        input_type: int,
        input_shape: Sequence[int],
        outputs: Mapping[str, tuple[str, Sequence[int]]],
    ) -> onnx.ModelProto:
        """Closes a graph of one input; see `finish_with_inputs`."""
        return self.finish_with_inputs(name, {input_name: (input_type, input_shape)}, outputs)

    def finish_with_inputs(
        self,
        name: str,
        inputs: Mapping[str, tuple[int, Sequence[int]]],
        outputs: Mapping[str, tuple[str, Sequence[int]]],
    ) -> onnx.ModelProto:
        """Closes the graph: inputs `{name: (type, shape per item)}`, float32 outputs `{name: (value, shape per item)}`.

        Axis 0 of each is "batch". Raises onnx.checker.ValidationError when the graph is not valid.
        """
        for output, (value, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [output], name=f"output_{output}"))
        graph = helper.make_graph(
            self._nodes,
            name,
            [
                helper.make_tensor_value_info(given, type_, ["batch", *shape])
                for given, (type_, shape) in inputs.items()
            ],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", *shape])
                for output, (_, shape) in outputs.items()
            ],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="visage",
            ir_version=IR_VERSION,
        )
        _drop_unused(model.graph)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _fresh(self, hint: str) -> str:
        self._count += 1
        return f"{hint}_{self._count}"


def serialize(model: onnx.ModelProto) -> bytes:
    """The bytes of a model, the same on every run."""
    return model.SerializeToString(deterministic=True)


def _drop_unused(graph: onnx.GraphProto) -> None:
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(name for name in node.input if name)
    kept.reverse()
    constants = [constant for constant in graph.initializer if constant.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(constants)
