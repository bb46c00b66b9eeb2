"""Runs a TensorFlow Lite network that has custom operators: the interpreter for all else, numpy for those.

The interpreter refuses a whole file when it does not know one operator, so the file is cut into segments
between the custom operators, and each segment runs as a small model of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from models.conversion.tflite_file import Operator, TfliteFile

CustomOperator = Callable[[Operator, list[np.ndarray]], np.ndarray]


class SegmentedNetwork:
    """The original network, one picture at a time."""

    def __init__(self, content: bytes, custom: Mapping[str, CustomOperator]) -> None:
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        self._file = TfliteFile(content)
        self._custom = custom
        numbered = enumerate(self._file.operators)
        self._steps: list[tuple[Operator, None] | tuple[None, _Segment]] = []
        for is_custom, group in groupby(numbered, key=lambda pair: pair[1].name in custom):
            members = list(group)
            if is_custom:
                self._steps += [(operator, None) for _, operator in members]
            else:
                self._steps.append((None, self._segment([index for index, _ in members])))

    def run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """float32 NHWC picture (1, H, W, 3) → the flat outputs by name."""
        values = {self._file.input: image}
        for operator, segment in self._steps:
            if segment is not None:
                values.update(segment.run(values))
            elif operator is not None:
                operands = [self._operand(values, index) for index in operator.inputs]
                result = self._custom[operator.name](operator, operands)
                values[operator.output] = result.astype(np.float32).reshape(self._file.shape(operator.output))
        return {name: values[index].ravel() for name, index in self._file.outputs.items()}

    def _operand(self, values: Mapping[int, np.ndarray], index: int) -> np.ndarray:
        if index in values:
            return values[index]
        constant = self._file.constant(index)
        if constant is None:
            raise KeyError(index)
        return constant

    def _segment(self, members: list[int]) -> _Segment:
        operators = self._file.operators
        made = {operators[index].output for index in members}
        read = {operand for index in members for operand in operators[index].inputs if operand >= 0}
        inputs = sorted(index for index in read - made if self._file.constant(index) is None)
        elsewhere = {
            operand
            for number, operator in enumerate(operators)
            if number not in set(members)
            for operand in operator.inputs
        }
        outputs = sorted(made & (elsewhere | set(self._file.outputs.values())))
        return _Segment(self._model, members, inputs, outputs)


class _Segment:
    """Some operators of a model as a model of their own."""

    def __init__(self, model: Any, members: list[int], inputs: list[int], outputs: list[int]) -> None:
        part = copy.copy(model)
        graph = copy.copy(model.subgraphs[0])
        graph.operators = [graph.operators[index] for index in members]
        graph.inputs, graph.outputs = inputs, outputs
        part.subgraphs, part.signatureDefs, part.metadata = [graph], None, None
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(part.Pack(builder), b"TFL3")
        # The plain kernels: the default delegate cannot set up every segment.
        self._interpreter = Interpreter(
            model_content=bytes(builder.Output()),
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()
        self._inputs = list(zip(inputs, (detail["index"] for detail in details), strict=True))
        details = self._interpreter.get_output_details()
        self._outputs = list(zip(outputs, (detail["index"] for detail in details), strict=True))

    def run(self, values: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        for tensor, place in self._inputs:
            self._interpreter.set_tensor(place, values[tensor])
        self._interpreter.invoke()
        return {tensor: self._interpreter.get_tensor(place) for tensor, place in self._outputs}
