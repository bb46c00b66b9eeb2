"""Triton python-based backend: serve ONNX models as the official `onnxruntime` backend would.

Runs inside the embedded server's own environment and reads the same config.pbtxt keys as the official
backend: `optimization.execution_accelerators.cpu_execution_accelerator { name: "openvino" }` selects the
OpenVINO runtime, otherwise ONNX Runtime does the work; `parameters.intra_op_thread_count` sets the threads
of one instance. Two more parameters are ours and ignored elsewhere: `cpu_static_batch_sizes: "1,2,4"` and
`cpu_output_sets: "a;b,c"` (see `engines`). Only the outputs that a request asks for are computed.

The requests of one dynamic batch become one call, and nothing is copied that need not be: a request's tensor
is a view of the server's shared memory, an answer is a view of the engine's output buffer. Source of the
interface: https://github.com/triton-inference-server/python_backend.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from batches import Batch, Tensors
from engines import Engine, make_engine


class TritonPythonModel:
    """One instance of one model; Triton calls `initialize` once, then `execute` from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the ONNX file that stands beside config.pbtxt and check it against that config."""
        config: dict[str, Any] = json.loads(args["model_config"])
        file_name = config.get("default_model_filename") or "model.onnx"
        path = Path(args["model_repository"]) / args["model_version"] / file_name
        if not path.is_file():
            raise pb_utils.TritonModelException(f"{path} does not exist")
        self._has_batch_axis = config["max_batch_size"] > 0
        self._input_names = [tensor["name"] for tensor in config["input"]]
        try:
            self._engine: Engine = make_engine(path, config, core_count=len(os.sched_getaffinity(0)))
        except Exception as error:
            raise pb_utils.TritonModelException(f"{path.name} cannot be served: {error}") from error
        pb_utils.Logger.log_info(f"{config['name']}: {self._engine.description}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests of one dynamic batch, in their order; those for the same outputs run together."""
        answers: list[Any] = [None] * len(requests)
        inputs: dict[tuple[str, ...], dict[int, Tensors]] = {}
        for index, request in enumerate(requests):
            if request.is_cancelled():
                answers[index] = _failure("the caller cancelled the request", pb_utils.TritonError.CANCELLED)
                continue
            wanted = tuple(sorted(request.requested_output_names()))
            inputs.setdefault(wanted, {})[index] = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        for wanted, tensors in inputs.items():
            for index, outcome in zip(tensors, self._run(list(tensors.values()), wanted), strict=True):
                answers[index] = _answer(outcome)
        return answers

    def finalize(self) -> None:
        """Release the engine before the process ends."""
        del self._engine

    def _run(self, inputs: list[Tensors], outputs: tuple[str, ...]) -> list[Tensors | Exception]:
        """Run all requests in one call; if that fails, each on its own so that only the guilty one fails."""
        if self._has_batch_axis:
            try:
                batch = Batch(inputs, self._engine.batch_sizes)
                return list(batch.split(self._engine.run(batch.chunks, outputs)))
            except Exception as error:
                if len(inputs) == 1:
                    return [error]
        outcomes: list[Tensors | Exception] = []
        for tensors in inputs:
            try:
                if self._has_batch_axis:
                    batch = Batch([tensors], self._engine.batch_sizes)
                    (outcome,) = batch.split(self._engine.run(batch.chunks, outputs))
                else:
                    (outcome,) = self._engine.run([tensors], outputs)
                # The engine's buffers serve the next request too.
                outcomes.append({name: np.array(array) for name, array in outcome.items()})
            except Exception as error:
                outcomes.append(error)
        return outcomes


def _answer(outcome: Tensors | Exception) -> Any:
    if isinstance(outcome, ValueError):
        return _failure(str(outcome), pb_utils.TritonError.INVALID_ARG)
    if isinstance(outcome, Exception):
        return _failure(f"{type(outcome).__name__}: {outcome}", pb_utils.TritonError.INTERNAL)
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outcome.items()])


def _failure(message: str, code: Any) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
