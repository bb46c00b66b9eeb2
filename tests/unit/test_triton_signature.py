"""Signatures: what fits a declaration and how a misfit is described."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visage.runtime.triton.errors import ModelRejectedInput, SignatureMismatch
from visage.runtime.triton.signature import ModelSignature, TensorSpec

pytestmark = pytest.mark.unit

MATTE = ModelSignature(
    "portrait_matte",
    (TensorSpec("image", "UINT8", (256, 256, 3)),),
    (TensorSpec("alpha", "FP32", (256, 256)),),
    max_batch_size=4,
)


def served(**changes: Any) -> ModelSignature:
    parts = {"name": MATTE.name, "inputs": MATTE.inputs, "outputs": MATTE.outputs, "max_batch_size": 8}
    return ModelSignature(**{**parts, **changes})


def test_a_server_may_offer_more() -> None:
    """More outputs, optional inputs, variable dimensions and a larger batch are no mismatch."""
    offer = served(
        inputs=(TensorSpec("image", "UINT8", (-1, -1, 3)), TensorSpec("gamma", "FP32", (1,), is_optional=True)),
        outputs=(*MATTE.outputs, TensorSpec("edges", "UINT8", (256, 256))),
    )

    MATTE.check(offer)


@pytest.mark.parametrize(
    ("offer", "message"),
    [
        (
            served(inputs=(TensorSpec("picture", "UINT8", (256, 256, 3)),)),
            "portrait_matte: input image (UINT8 [256, 256, 3]) is not on the server, which has picture; "
            "input picture (UINT8 [256, 256, 3]) is required by the server but not declared",
        ),
        (
            served(inputs=(TensorSpec("image", "FP32", (256, 256, 3)),)),
            "portrait_matte: input image is UINT8 [256, 256, 3] declared, FP32 [256, 256, 3] on the server",
        ),
        (
            served(outputs=(TensorSpec("alpha", "FP32", (256, 256, 1)),)),
            "portrait_matte: output alpha is FP32 [256, 256] declared, FP32 [256, 256, 1] on the server",
        ),
        (served(max_batch_size=2), "portrait_matte: max_batch_size is 4 declared, 2 on the server"),
    ],
)
def test_a_mismatch_is_named(offer: ModelSignature, message: str) -> None:
    """Each difference is spelled out: tensor, declared, served."""
    with pytest.raises(SignatureMismatch) as caught:
        MATTE.check(offer)

    assert str(caught.value) == message


def test_all_differences_are_named_at_once() -> None:
    """One message lists every difference, not only the first."""
    with pytest.raises(SignatureMismatch) as caught:
        MATTE.check(served(outputs=(), max_batch_size=1))

    assert "output alpha" in str(caught.value)
    assert "max_batch_size" in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "fragment"),
    [
        ({}, "missing inputs ['image']"),
        ({"image": np.zeros((1, 256, 256, 3), np.uint8), "mask": np.zeros(1)}, "unknown inputs ['mask']"),
        ({"image": np.zeros((1, 256, 256, 3), np.float32)}, "input image is float32 [1, 256, 256, 3]"),
        ({"image": np.zeros((256, 256, 3), np.uint8)}, "expected a batch of UINT8 [256, 256, 3]"),
        ({"image": np.zeros((1, 256, 255, 3), np.uint8)}, "input image is uint8 [1, 256, 255, 3]"),
        ({"image": np.zeros((0, 256, 256, 3), np.uint8)}, "batch of 0 items"),
        ({"image": np.zeros((5, 256, 256, 3), np.uint8)}, "batch of 5 items, 1 to 4 are allowed"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected(tensors: dict[str, Any], fragment: str) -> None:
    """Wrong names, types, shapes and batch sizes are refused before anything is sent."""
    with pytest.raises(ModelRejectedInput) as caught:
        MATTE.batch_size(tensors)

    assert fragment in str(caught.value)
    assert caught.value.model == "portrait_matte"


def test_inputs_of_different_batch_sizes_are_rejected() -> None:
    """All inputs of a request have the same number of items."""
    pair = ModelSignature("pair", (TensorSpec("a", "INT16", (2,)), TensorSpec("b", "FP16", (2,))), (), 4)

    with pytest.raises(ModelRejectedInput, match="different batch sizes"):
        pair.batch_size({"a": np.zeros((1, 2), np.int16), "b": np.zeros((2, 2), np.float16)})


def test_the_batch_size_is_that_of_the_inputs() -> None:
    """Inputs that fit give their number of items."""
    size = MATTE.batch_size({"image": np.zeros((3, 256, 256, 3), np.uint8)})

    assert size == 3


def test_a_tensor_knows_its_bytes_unless_a_dimension_varies() -> None:
    """Bytes per item are what the shared memory layout builds on."""
    sizes = [TensorSpec("t", "FP16", (8, 3)).item_bytes, TensorSpec("t", "FP16", (-1, 3)).item_bytes]

    assert sizes == [48, None]


def test_text_tensors_are_refused() -> None:
    """Only arrays of numbers can be declared."""
    with pytest.raises(ValueError, match="unknown datatype 'BYTES'"):
        TensorSpec("name", "BYTES", (1,))
