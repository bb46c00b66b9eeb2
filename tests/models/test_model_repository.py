"""config.pbtxt says what the ONNX file has, for every model that Triton serves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from models.build import BuildFailed, build, check
from models.conversion.manifest import REPOSITORY, Entry, read_manifest, write_manifest
from models.conversion.sources import Sources

pytestmark = pytest.mark.models

MODELS = sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt"))
FACE_MODELS = {"face_detector", "face_detector_short", "face_landmarks", "portrait_matte", "face_embedder"}
FASTER_WITH_OPENVINO = {"face_landmarks", "lip_sync", "renderer", "renderer_256", "renderer_768"}
TRITON_TYPES = {
    onnx.TensorProto.FLOAT: "TYPE_FP32",
    onnx.TensorProto.FLOAT16: "TYPE_FP16",
    onnx.TensorProto.UINT8: "TYPE_UINT8",
    onnx.TensorProto.INT16: "TYPE_INT16",
    onnx.TensorProto.INT32: "TYPE_INT32",
    onnx.TensorProto.INT64: "TYPE_INT64",
    onnx.TensorProto.BOOL: "TYPE_BOOL",
}

Signature = dict[str, tuple[str, list[int]]]


def configuration(name: str) -> model_config_pb2.ModelConfig:
    text = (REPOSITORY / name / "config.pbtxt").read_text()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def onnx_graph(name: str) -> onnx.GraphProto:
    return onnx.load(REPOSITORY / name / "1" / "model.onnx").graph


def declared(tensors: list[model_config_pb2.ModelInput]) -> Signature:
    return {tensor.name: (model_config_pb2.DataType.Name(tensor.data_type), list(tensor.dims)) for tensor in tensors}


def contained(values: list[onnx.ValueInfoProto]) -> Signature:
    return {
        value.name: (
            TRITON_TYPES[value.type.tensor_type.elem_type],
            [dimension.dim_value for dimension in value.type.tensor_type.shape.dim[1:]],
        )
        for value in values
    }


def test_the_face_models_are_served() -> None:
    """All five face models are in the repository."""

    assert set(MODELS) >= FACE_MODELS


@pytest.mark.parametrize("name", MODELS)
def test_configuration_names_its_folder_and_backend(name: str) -> None:
    """A configuration carries the name of its folder and asks for the ONNX Runtime backend."""
    config = configuration(name)

    assert (config.name, config.backend) == (name, "onnxruntime")


@pytest.mark.parametrize("name", MODELS)
def test_configuration_has_the_inputs_of_the_file(name: str) -> None:
    """Names, types and shapes of the inputs are those of the ONNX file."""

    assert declared(list(configuration(name).input)) == contained(list(onnx_graph(name).input))


@pytest.mark.parametrize("name", MODELS)
def test_configuration_has_the_outputs_of_the_file(name: str) -> None:
    """Names, types and shapes of the outputs are those of the ONNX file."""

    assert declared(list(configuration(name).output)) == contained(list(onnx_graph(name).output))


@pytest.mark.parametrize("name", MODELS)
def test_axis_0_is_a_batch_of_any_size(name: str) -> None:
    """Axis 0 of every input and output is dynamic and the server may batch."""
    graph = onnx_graph(name)
    first_axes = [value.type.tensor_type.shape.dim[0] for value in [*graph.input, *graph.output]]

    assert all(axis.dim_param and not axis.dim_value for axis in first_axes)
    assert configuration(name).max_batch_size > 1


@pytest.mark.parametrize("name", MODELS)
def test_other_axes_are_fixed(name: str) -> None:
    """Only the batch is dynamic, so that an accelerator compiles a model once."""
    graph = onnx_graph(name)
    sizes = [
        dimension.dim_value
        for value in [*graph.input, *graph.output]
        for dimension in value.type.tensor_type.shape.dim[1:]
    ]

    assert all(size > 0 for size in sizes)


@pytest.mark.parametrize("name", MODELS)
def test_queue_is_bounded(name: str) -> None:
    """Requests are batched, and rejected when they wait too long or too many wait."""
    config = configuration(name)
    policy = config.dynamic_batching.default_queue_policy

    assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
    assert 0 < policy.default_timeout_microseconds <= 2_000_000
    assert policy.max_queue_size >= 2 * config.max_batch_size


@pytest.mark.parametrize("name", MODELS)
def test_a_late_wake_up_rejects_nobody(name: str) -> None:
    """A model has two instances, or a time-out above the half second that its scheduler may oversleep.

    A queue policy turns the scheduler's prefetching off. With one instance some 2 % of calls, made one after
    another, then lie for 500 ms before they run; with two instances none of 4,800 did.
    """
    config = configuration(name)
    timeout = config.dynamic_batching.default_queue_policy.default_timeout_microseconds

    assert sum(group.count for group in config.instance_group) >= 2 or timeout >= 1_000_000


@pytest.mark.parametrize("name", MODELS)
def test_warm_up_covers_one_and_eight(name: str) -> None:
    """The server runs a single item and a batch of eight (or its largest) before it is ready."""
    config = configuration(name)
    inputs = {tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in config.input}

    assert {sample.batch_size for sample in config.model_warmup} >= {1, min(8, config.max_batch_size)}
    for sample in config.model_warmup:
        assert {key: (value.data_type, list(value.dims)) for key, value in sample.inputs.items()} == inputs


@pytest.mark.parametrize("name", MODELS)
def test_accelerators_are_named(name: str) -> None:
    """OpenVINO on a processor where it is the faster one, TensorRT on a GPU; threads are bounded."""
    config = configuration(name)
    accelerators = config.optimization.execution_accelerators

    on_cpu = ["openvino"] if name in FASTER_WITH_OPENVINO else []
    assert [entry.name for entry in accelerators.cpu_execution_accelerator] == on_cpu
    assert [entry.name for entry in accelerators.gpu_execution_accelerator] == ["tensorrt"]
    assert int(config.parameters["intra_op_thread_count"].string_value) >= 1


@pytest.mark.parametrize("name", MODELS)
def test_committed_file_is_the_recorded_one(name: str) -> None:
    """The ONNX file has the sha256 that the manifest records."""
    entries = read_manifest()

    assert name in entries
    assert check(entries[name]).bytes == entries[name].path.stat().st_size


def test_every_recorded_model_is_served() -> None:
    """The manifest lists no model without a folder."""

    assert sorted(read_manifest()) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_model_has_a_card(name: str) -> None:
    """Every served model says where it comes from and what it is for."""
    card = (REPOSITORY.parent / "models" / name / "MODEL_CARD.md").read_text().lower()

    assert all(word in card for word in ("licence", "input", "output", "limits"))


def test_a_changed_file_is_noticed() -> None:
    """The check fails for a digest that is not the file's."""
    entry = read_manifest()["portrait_matte"]
    other = entry.recorded(entry.path.read_bytes() + b"\0")

    with pytest.raises(BuildFailed, match="sha256"):
        check(other)


def test_manifest_survives_writing(tmp_path: Path) -> None:
    """What is written is read back."""
    entries = {
        "tiny": Entry("tiny", "trained").recorded(b"weights"),
        "small": Entry("small", "converted", export="a.export", evaluate="a.evaluate", requires=("onnx", "torch")),
    }
    write_manifest(entries, tmp_path / "manifest.toml")

    assert read_manifest(tmp_path / "manifest.toml") == entries


def test_rebuild_without_tools_checks_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model whose tools are missing is not rebuilt; its file is compared with the manifest all the same."""
    entry = replace(read_manifest()["portrait_matte"], requires=("no_such_module",))

    assert build(entry, Sources(tmp_path), accept=False) == entry
    assert "rebuild skipped (no_such_module not installed)" in capsys.readouterr().out
    with pytest.raises(BuildFailed, match="sha256"):
        build(replace(entry, sha256="0" * 64), Sources(tmp_path), accept=False)


def test_a_missing_file_is_noticed() -> None:
    """A recorded model without a file fails the check."""

    with pytest.raises(BuildFailed, match="missing"):
        check(Entry("no_such_model", "trained"))
