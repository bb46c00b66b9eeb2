"""The init container that builds TensorRT engines, with stand-ins for nvidia-smi and tritonserver on PATH."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from k8s.components.gpu import engine_cache
from tests.fakes.gpu_node import BROKEN, Node

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node with one GPU, one model and no engines."""
    node = Node(tmp_path)
    monkeypatch.setenv("PATH", f"{node.bin}:/usr/bin:/bin")
    monkeypatch.setenv("TRT_VERSION", "10.14.1")
    monkeypatch.setattr(engine_cache, "POLL_S", 0.05)
    return node


def test_engines_are_built_once(node: Node) -> None:
    """The first pod builds them under their key and serves a repository that names them; the second finds them."""
    first = node.run()
    folders = list(node.engines.iterdir())
    node.program("tritonserver", BROKEN)
    second = node.run()

    assert (first, second) == (0, 0)
    assert len(folders) == 1
    assert (folders[0] / "nose" / "engine.plan").read_bytes() == b"engine"
    assert f'value: "{folders[0]}/nose"' in (node.served / "nose" / "config.pbtxt").read_text()
    assert (node.served / "nose" / "1" / "model.onnx").read_bytes() == b"weights"


def test_a_failed_build_leaves_nothing(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that ends is a failure of the container, and the next pod does not take its rest for engines."""
    node.program("tritonserver", BROKEN)
    status = node.run()

    assert status == 1
    assert "tritonserver ended with status 3" in capsys.readouterr().err
    assert list(node.engines.iterdir()) == []


def test_serving_without_tensorrt_is_a_failure(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """A Triton that falls back to CUDA in silence would be slow for ever: no engine written is an error."""
    (node.models / "nose" / "config.pbtxt").write_text('name: "nose"')
    status = node.run()

    assert status == 1
    assert "no engine was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("#!/bin/sh\nexit 9\n", "nvidia-smi does not answer"),
        ("#!/bin/sh\necho 'NVIDIA L4, 8.9, 1'\necho 'NVIDIA H100, 9.0, 1'\n", "one kind of GPU is expected"),
    ],
)
def test_a_node_without_one_kind_of_gpu_is_refused(
    program: str, message: str, node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pod's log says what is wrong with the node."""
    node.program("nvidia-smi", program)
    status = node.run()

    assert status == 1
    assert message in capsys.readouterr().err


def test_the_image_must_tell_its_tensorrt(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a version the key would be wrong."""
    monkeypatch.delenv("TRT_VERSION")
    status = node.run()

    assert status == 1
    assert "TRT_VERSION is not set" in capsys.readouterr().err


def test_the_key_changes_with_all_that_engines_depend_on(node: Node) -> None:
    """GPU, driver, TensorRT, weights and configuration each make another key; nothing else does."""
    first = engine_cache.make_key("L4, 8.9, 580", "10.14", node.models)
    others = {
        engine_cache.make_key("L4, 8.9, 581", "10.14", node.models),
        engine_cache.make_key("H100, 9.0, 580", "10.14", node.models),
        engine_cache.make_key("L4, 8.9, 580", "10.15", node.models),
    }
    again = engine_cache.make_key("L4, 8.9, 580", "10.14", node.models)
    (node.models / "nose" / "1" / "model.onnx").write_bytes(b"other")
    others.add(engine_cache.make_key("L4, 8.9, 580", "10.14", node.models))

    assert again == first
    assert len(others | {first}) == 5


@pytest.mark.parametrize("name", sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")))
def test_configurations_of_the_repository_take_the_cache(name: str, tmp_path: Path) -> None:
    """With the options added, each stays a valid configuration that differs in nothing but them."""
    text = (REPOSITORY / name / "config.pbtxt").read_text()
    before = text_format.Parse(text, model_config_pb2.ModelConfig())
    after = text_format.Parse(engine_cache.add_cache(text, tmp_path), model_config_pb2.ModelConfig())
    accelerators = after.optimization.execution_accelerators.gpu_execution_accelerator
    for accelerator in accelerators:
        assert accelerator.parameters.pop("trt_engine_cache_path") == str(tmp_path)
        assert accelerator.parameters.pop("trt_timing_cache_path") == str(tmp_path)
        assert accelerator.parameters.pop("trt_engine_cache_enable") == "1"
        assert accelerator.parameters.pop("trt_timing_cache_enable") == "1"

    assert [accelerator.name for accelerator in accelerators] == ["tensorrt"]
    assert after == before
