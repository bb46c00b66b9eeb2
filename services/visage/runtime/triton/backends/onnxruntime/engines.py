"""The two runtimes that execute an ONNX file on the CPU: OpenVINO and ONNX Runtime."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from batches import Tensors
from checks import check_model


class Engine(Protocol):
    """A loaded model.

    Attributes:
        batch_sizes: The batch sizes it takes, ascending; None if it takes any.
        description: One line for the server's log.
    """

    batch_sizes: tuple[int, ...] | None
    description: str

    def run(self, chunks: Sequence[Tensors], outputs: Sequence[str]) -> list[Tensors]:
        """Compute the named outputs of each chunk; the results stay valid until the next call."""
        ...


def make_engine(path: Path, config: dict[str, Any], core_count: int) -> Engine:
    """Load the model at `path` into the engine that its config.pbtxt (as JSON) asks for.

    Raises:
        ValueError: Model and config.pbtxt disagree, or a parameter cannot be read.
    """
    instances = sum(int(group.get("count") or 1) for group in config.get("instance_group") or [{}])
    threads = _int_parameter(config, "intra_op_thread_count") or max(1, core_count // instances)
    accelerators = (config.get("optimization") or {}).get("execution_accelerators") or {}
    cpu_accelerators = [entry["name"] for entry in accelerators.get("cpu_execution_accelerator") or []]
    if "openvino" in cpu_accelerators:
        return OpenVinoEngine(path, config, threads)
    return OnnxRuntimeEngine(path, config, threads)


class OpenVinoEngine:
    """OpenVINO in float32. Fixed batch sizes, where asked for, are compiled one by one, sets of outputs likewise.

    A static shape lets OpenVINO plan memory and fuse ahead (about a third faster for the renderer), so each
    size of `cpu_static_batch_sizes` gets a compiled model of its own and a batch is served by the largest
    sizes that fill it. OpenVINO computes all outputs of a compiled model, so sets of outputs get compiled models
    too, cut down to what these need. Those that `cpu_output_sets` names ("yuv;frames,alpha") are compiled at the
    start and serve every request whose outputs they hold, alone or together. Without it a model of one output is
    compiled at the start, and sets of several outputs when they are asked for the first time.
    """

    def __init__(self, path: Path, config: dict[str, Any], threads: int) -> None:
        """Read the model and compile it if it has one output."""
        import openvino as ov

        self._ov = ov
        self._core = ov.Core()
        self._model = self._core.read_model(path)
        self._name = config["name"]
        self._inputs = {port.any_name: _describe_port(port) for port in self._model.inputs}
        self._outputs = outputs = {port.any_name: _describe_port(port) for port in self._model.outputs}
        check_model(config, self._inputs, outputs)
        self.batch_sizes = _batch_sizes(config, self._inputs)
        self._options = {
            # The hardware's own choice may be bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Several model processes share the cores: pinned threads would pile up on the first ones.
            "ENABLE_CPU_PINNING": False,
        }
        self._requests: dict[tuple[int | None, frozenset[str]], Any] = {}
        self._buffers: dict[tuple[int | None, int], Tensors] = {}
        self._output_sets = _output_sets(config, outputs)
        for size in self.batch_sizes or (None,):
            for names in self._output_sets:
                self._request(size, names)
        sizes = "any batch size" if self.batch_sizes is None else f"batch sizes {list(self.batch_sizes)}"
        self.description = f"OpenVINO {ov.__version__.split('-')[0]}, {threads} threads, {sizes}"

    def run(self, chunks: Sequence[Tensors], outputs: Sequence[str]) -> list[Tensors]:
        """Run the chunks one after another, each into output buffers of its own."""
        parts = self._parts(frozenset(outputs))
        answers: list[Tensors] = []
        for position, tensors in enumerate(chunks):
            found: Tensors = {}
            for names in parts:
                found |= self._run_one(position, tensors, names)
            answers.append({name: found[name] for name in outputs})
        return answers

    def _parts(self, wanted: frozenset[str]) -> list[frozenset[str]]:
        """The compiled sets that together have what is wanted, as few as will do; else a set of its own."""
        holding = sorted((names for names in self._output_sets if wanted <= names), key=len)
        if holding:
            return holding[:1]
        sharing = [names for names in self._output_sets if names & wanted]
        return sharing if wanted <= frozenset().union(*sharing) else [wanted]

    def _run_one(self, position: int, tensors: Tensors, outputs: frozenset[str]) -> Tensors:
        size = None if self.batch_sizes is None else len(next(iter(tensors.values())))
        request = self._request(size, outputs)
        for name, array in tensors.items():
            request.set_tensor(name, self._ov.Tensor(np.ascontiguousarray(array), shared_memory=True))
        if size is None:
            # Any number of items makes one chunk, so the request's own buffers will do.
            request.infer()
            return {name: request.get_tensor(name).data for name in outputs}
        buffers = self._buffers.setdefault((size, position), {})
        for name in outputs:
            if name not in buffers:
                dtype, shape = self._outputs[name]
                buffers[name] = np.empty([size, *shape[1:]], dtype)
            request.set_tensor(name, self._ov.Tensor(buffers[name], shared_memory=True))
        request.infer()
        return {name: buffers[name] for name in outputs}

    def _request(self, size: int | None, outputs: frozenset[str]) -> Any:
        """The request object of the model compiled for one batch size (None: any) and set of outputs."""
        request = self._requests.get((size, outputs))
        if request is None:
            variant = self._model.clone()
            for result in variant.get_results():
                if not result.output(0).get_names() & outputs:
                    variant.remove_result(result)
            if size is not None:
                variant.reshape({name: [size, *shape[1:]] for name, (_, shape) in self._inputs.items()})
            with _compiled_folder(self._name) as folder:
                options = self._options | ({"CACHE_DIR": folder} if folder else {})
                compiled = self._core.compile_model(variant, "CPU", options)
            request = self._requests[size, outputs] = compiled.create_infer_request()
        return request


@contextmanager
def _compiled_folder(model: str) -> Iterator[str | None]:
    """Give the folder that keeps compiled models from start to start, to one process per model at a time.

    The second instance of a model then finds what the first one has compiled. OpenVINO compiles anew what it finds
    incomplete or made by another version.
    """
    folder = os.environ.get("VISAGE_TRITON_COMPILED_DIR")
    if not folder:
        yield None
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / f"{model}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


class OnnxRuntimeEngine:
    """ONNX Runtime's CPU provider."""

    def __init__(self, path: Path, config: dict[str, Any], threads: int) -> None:
        """Open a session."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = _int_parameter(config, "inter_op_thread_count") or 1
        # Waiting threads must not burn the cores that other model processes need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = {node.name: _describe_node(node) for node in self._session.get_inputs()}
        outputs = {node.name: _describe_node(node) for node in self._session.get_outputs()}
        check_model(config, inputs, outputs)
        self.batch_sizes = _batch_sizes(config, inputs, static=False)
        self.description = f"ONNX Runtime {ort.__version__}, {threads} threads"

    def run(self, chunks: Sequence[Tensors], outputs: Sequence[str]) -> list[Tensors]:
        """Run the chunks one after another; nodes that no wanted output needs are left out."""
        names = list(outputs)
        return [dict(zip(names, self._session.run(names, tensors), strict=True)) for tensors in chunks]


_ORT_TYPES: dict[str, type[np.generic]] = {
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}

Description = tuple[np.dtype[Any], list[int]]
"""Data type and shape of a tensor; -1 for a dimension that may vary."""


def _describe_port(port: Any) -> Description:
    shape = [dim.get_length() if dim.is_static else -1 for dim in port.get_partial_shape()]
    return np.dtype(port.get_element_type().to_dtype()), shape


def _describe_node(node: Any) -> Description:
    if node.type not in _ORT_TYPES:
        raise ValueError(f"tensor {node.name}: {node.type} is not supported")
    return np.dtype(_ORT_TYPES[node.type]), [dim if isinstance(dim, int) else -1 for dim in node.shape]


def _batch_sizes(config: dict[str, Any], inputs: dict[str, Description], static: bool = True) -> tuple[int, ...] | None:
    """Sizes that the ONNX file fixes, else those that the config asks to compile, else None for any."""
    if config["max_batch_size"] == 0:
        return None
    fixed = {shape[0] for _, shape in inputs.values()} - {-1}
    if fixed:
        return tuple(sorted(fixed))
    text = _parameter(config, "cpu_static_batch_sizes") if static else None
    if text is None:
        return None
    sizes = tuple(sorted({int(part) for part in text.split(",")}))
    if sizes[0] < 1:
        raise ValueError(f"parameter cpu_static_batch_sizes is {text!r}; sizes start at 1")
    return sizes


def _output_sets(config: dict[str, Any], outputs: dict[str, Description]) -> list[frozenset[str]]:
    """Sets of outputs to compile at the start: those that the config names, else the only output."""
    text = _parameter(config, "cpu_output_sets")
    if text is None:
        return [frozenset(outputs)] if len(outputs) == 1 else []
    sets = [frozenset(part.split(",")) for part in text.split(";")]
    unknown = frozenset().union(*sets) - frozenset(outputs)
    if unknown:
        raise ValueError(f"parameter cpu_output_sets names {', '.join(sorted(unknown))}, which the model does not have")
    return sets


def _parameter(config: dict[str, Any], key: str) -> str | None:
    entry = (config.get("parameters") or {}).get(key)
    return None if entry is None else str(entry["string_value"])


def _int_parameter(config: dict[str, Any], key: str) -> int | None:
    text = _parameter(config, key)
    return None if text is None else int(text)
