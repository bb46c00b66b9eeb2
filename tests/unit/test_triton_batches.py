"""The onnxruntime backend stacks requests into chunks and splits the answers."""

from __future__ import annotations

import numpy as np
import pytest

from visage.runtime.triton.backends.onnxruntime.batches import Batch, Tensors
from visage.runtime.triton.backends.onnxruntime.checks import check_model

pytestmark = pytest.mark.unit


def make_requests(*sizes: int) -> list[Tensors]:
    """Requests with the given numbers of items, the items counted through."""
    items = iter(np.arange(100, dtype=np.int16))
    return [{"x": np.array([[next(items)] * 3 for _ in range(size)], np.int16)} for size in sizes]


def triple(chunks: list[Tensors]) -> list[Tensors]:
    return [{"y": chunk["x"] * 3} for chunk in chunks]


@pytest.mark.parametrize("batch_sizes", [None, (1,), (2,), (4,), (1, 2, 4), (3, 8)])
@pytest.mark.parametrize("sizes", [(1,), (3,), (1, 1, 1), (2, 3, 1), (1, 5)])
def test_every_request_gets_its_own_answer(sizes: tuple[int, ...], batch_sizes: tuple[int, ...] | None) -> None:
    """Whatever the sizes of requests and chunks, answers come back to the items that asked."""
    requests = make_requests(*sizes)
    batch = Batch(requests, batch_sizes)

    answers = list(batch.split(triple(batch.chunks)))

    for request, answer in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(answer["y"], request["x"] * 3)


@pytest.mark.parametrize("batch_sizes", [(1, 2, 4), (2, 8)])
def test_chunks_have_allowed_sizes_only(batch_sizes: tuple[int, ...]) -> None:
    """An engine compiled for fixed batch sizes never sees another one."""
    batch = Batch(make_requests(3, 4), batch_sizes)

    assert {len(chunk["x"]) for chunk in batch.chunks} <= set(batch_sizes)


def test_a_request_that_fills_a_chunk_is_not_copied() -> None:
    """Large tensors of a lone request are passed on as views."""
    (request,) = make_requests(2)
    batch = Batch([request], (1, 2))

    assert np.shares_memory(batch.chunks[0]["x"], request["x"])


def test_a_model_that_differs_from_its_configuration_is_refused() -> None:
    """Missing tensors, other types and other shapes are all listed."""
    config = {
        "max_batch_size": 4,
        "input": [{"name": "image", "data_type": "TYPE_UINT8", "dims": ["192", "192", "3"]}],
        "output": [
            {"name": "scores", "data_type": "TYPE_FP32", "dims": ["4"]},
            {"name": "boxes", "data_type": "TYPE_FP32", "dims": ["4", "4"]},
        ],
    }
    inputs = {"image": (np.dtype(np.float32), [-1, 192, 192, 3]), "scale": (np.dtype(np.float32), [-1, 1])}
    outputs = {"scores": (np.dtype(np.float32), [-1, 5])}

    with pytest.raises(ValueError, match="image is float32") as caught:
        check_model(config, inputs, outputs)

    assert "output boxes is not in the ONNX file, which has ['scores']" in str(caught.value)
    assert "output scores has dims [5] in the ONNX file, [4] in config.pbtxt" in str(caught.value)
    assert "input scale is not in config.pbtxt" in str(caught.value)
