"""A real Triton server with tiny models, for all tests of the mesh."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings

OPENVINO = 'optimization { execution_accelerators { cpu_execution_accelerator: [ { name: "openvino" } ] } }'

EXACT_CONFIG = """
backend: "onnxruntime"
max_batch_size: 8
input [
  { name: "image" data_type: TYPE_UINT8 dims: [ 128, 256, 3 ] },
  { name: "gain" data_type: TYPE_FP16 dims: [ 4 ] },
  { name: "count" data_type: TYPE_INT16 dims: [ 3 ] }
]
output [
  { name: "shifted" data_type: TYPE_UINT8 dims: [ 128, 256, 3 ] },
  { name: "doubled" data_type: TYPE_FP16 dims: [ 4 ] },
  { name: "negated" data_type: TYPE_INT16 dims: [ 3 ] }
]
instance_group [ { count: 1 } ]
dynamic_batching { max_queue_delay_microseconds: 100000 }
"""

SLOW_CONFIG = """
backend: "onnxruntime"
max_batch_size: 1
input [ { name: "x" data_type: TYPE_FP32 dims: [ 256, 1024 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 256, 1024 ] } ]
instance_group [ { count: 1 } ]
dynamic_batching {
  default_queue_policy {
    timeout_action: REJECT default_timeout_microseconds: 30000000 allow_timeout_override: true max_queue_size: 4
  }
}
parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
"""


def _save(repository: Path, name: str, graph: onnx.GraphProto, config: str) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    (repository / name / "config.pbtxt").write_text(config)


def _exact_graph() -> onnx.GraphProto:
    """Integer and half-precision arithmetic whose results are exact: image + 7, gain × 2, −count."""
    info = helper.make_tensor_value_info
    return helper.make_graph(
        [
            helper.make_node("Add", ["image", "seven"], ["shifted"]),
            helper.make_node("Mul", ["gain", "two"], ["doubled"]),
            helper.make_node("Neg", ["count"], ["negated"]),
        ],
        "exact",
        [
            info("image", TensorProto.UINT8, ["N", 128, 256, 3]),
            info("gain", TensorProto.FLOAT16, ["N", 4]),
            info("count", TensorProto.INT16, ["N", 3]),
        ],
        [
            info("shifted", TensorProto.UINT8, ["N", 128, 256, 3]),
            info("doubled", TensorProto.FLOAT16, ["N", 4]),
            info("negated", TensorProto.INT16, ["N", 3]),
        ],
        [
            numpy_helper.from_array(np.array(7, np.uint8), "seven"),
            numpy_helper.from_array(np.array(2, np.float16), "two"),
        ],
    )


def _slow_graph() -> onnx.GraphProto:
    """A loop of 40 matrix products, some 0.2 s on one core."""
    info = helper.make_tensor_value_info
    state = ["N", 256, 1024]
    body = helper.make_graph(
        [helper.make_node("MatMul", ["h", "w"], ["next"]), helper.make_node("Identity", ["go"], ["go_on"])],
        "step",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("h", TensorProto.FLOAT, state)],
        [info("go_on", TensorProto.BOOL, []), info("next", TensorProto.FLOAT, state)],
    )
    return helper.make_graph(
        [helper.make_node("Loop", ["steps", "start", "x"], ["y"], body=body)],
        "slow",
        [info("x", TensorProto.FLOAT, state)],
        [info("y", TensorProto.FLOAT, state)],
        [
            numpy_helper.from_array(np.eye(1024, dtype=np.float32), "w"),
            numpy_helper.from_array(np.array(40, np.int64), "steps"),
            numpy_helper.from_array(np.array(True), "start"),
        ],
    )


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository: `exact`, `exact_openvino`, `exact_static`, `exact_sets` (same arithmetic) and `slow`."""
    repository = tmp_path_factory.mktemp("tiny_models")
    static = 'parameters { key: "cpu_static_batch_sizes" value: { string_value: "2,4" } }'
    _save(repository, "exact", _exact_graph(), EXACT_CONFIG)
    _save(repository, "exact_openvino", _exact_graph(), EXACT_CONFIG + OPENVINO)
    _save(repository, "exact_static", _exact_graph(), EXACT_CONFIG + OPENVINO + static)
    sets = 'parameters { key: "cpu_output_sets" value: { string_value: "shifted;doubled,negated" } }'
    _save(repository, "exact_sets", _exact_graph(), EXACT_CONFIG + OPENVINO + static + sets)
    _save(repository, "slow", _slow_graph(), SLOW_CONFIG)
    return repository


@pytest.fixture(scope="session")
def triton_server(tiny_models: Path) -> Iterator[LocalTriton]:
    """A running server with all tiny models, shared by the tests that neither stop nor break it."""
    with LocalTriton(tiny_models, settings=LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0)) as server:
        yield server


@pytest.fixture(params=[True, False], ids=["shared-memory", "wire"])
async def triton_client(triton_server: LocalTriton, request: pytest.FixtureRequest) -> AsyncIterator[TritonClient]:
    """A client of `triton_server`, once with shared memory and once without."""
    settings = TritonClientSettings(url=triton_server.grpc_url, shared_memory=request.param)
    async with TritonClient(settings) as client:
        yield client
