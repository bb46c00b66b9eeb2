"""Reads a TensorFlow Lite file: tensors, constants and operators, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from models.conversion.tflite_sparsity import densify

_BUILTIN_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
}


@dataclass(frozen=True)
class Operator:
    """One layer: tensors by index, `options` as the schema gives them, `settings` for custom operators."""

    name: str
    version: int
    inputs: tuple[int, ...]
    output: int
    options: Any
    custom_options: bytes

    @property
    def settings(self) -> dict[str, Any]:
        """The flexbuffer map of a custom operator; empty when it has none."""
        if not self.custom_options:
            return {}
        return dict(flexbuffers.GetRoot(self.custom_options).Value)


class TfliteFile:
    """The only subgraph of a TensorFlow Lite model. Shapes are NHWC with a batch of 1, as stored."""

    def __init__(self, content: bytes) -> None:
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        self._graph = self._model.subgraphs[0]
        self.input = int(self._graph.inputs[0])
        self.outputs = {self._tensor_name(int(index)): int(index) for index in self._graph.outputs}
        self.operators = tuple(self._read_operators())

    def shape(self, index: int) -> tuple[int, ...]:
        """The stored shape of a tensor; () for a scalar."""
        shape = self._graph.tensors[index].shape
        return () if shape is None else tuple(int(size) for size in shape)

    def constant(self, index: int) -> np.ndarray | None:
        """The values of a constant tensor (sparse ones expanded), None for an activation.

        Raises KeyError for an element type that the converter does not know.
        """
        tensor = self._graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        if data is None or len(data) == 0:
            return None
        values = np.frombuffer(bytes(bytearray(data)), _DTYPES[tensor.type])
        if tensor.sparsity is not None:
            return densify(values, self.shape(index), tensor.sparsity)
        return values.reshape(self.shape(index))

    def readers(self, index: int) -> list[Operator]:
        """The operators that take a tensor as an input."""
        return [operator for operator in self.operators if index in operator.inputs]

    def _tensor_name(self, index: int) -> str:
        return bytes(self._graph.tensors[index].name).decode()

    def _read_operators(self) -> Iterator[Operator]:
        for operator in self._graph.operators:
            code = self._model.operatorCodes[operator.opcodeIndex]
            name = _BUILTIN_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
            if name == "CUSTOM":
                name = bytes(code.customCode).decode()
            custom = operator.customOptions
            yield Operator(
                name=name,
                version=int(code.version),
                inputs=tuple(int(index) for index in operator.inputs),
                output=int(operator.outputs[0]),
                options=operator.builtinOptions,
                custom_options=b"" if custom is None else bytes(bytearray(custom)),
            )
