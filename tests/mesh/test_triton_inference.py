"""Calls of real models on a real server: values, batches, deadlines, cancellation, shared memory."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visage.runtime.triton.announcements import ModelStatistics
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import (
    DeadlineExceeded,
    ModelOverloaded,
    ModelRejectedInput,
    ModelUnavailable,
    SignatureMismatch,
)
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import TritonClientSettings
from visage.runtime.triton.signature import Array, ModelSignature, TensorSpec

pytestmark = pytest.mark.mesh

EXACT_MODELS = ("exact", "exact_openvino", "exact_static", "exact_sets")
SLOW = ModelSignature("slow", (TensorSpec("x", "FP32", (256, 1024)),), (TensorSpec("y", "FP32", (256, 1024)),), 1)
SLOW_INPUT = {"x": np.ones((1, 256, 1024), np.float32)}


def exact(name: str) -> ModelSignature:
    return ModelSignature(
        name,
        (
            TensorSpec("image", "UINT8", (128, 256, 3)),
            TensorSpec("gain", "FP16", (4,)),
            TensorSpec("count", "INT16", (3,)),
        ),
        (
            TensorSpec("shifted", "UINT8", (128, 256, 3)),
            TensorSpec("doubled", "FP16", (4,)),
            TensorSpec("negated", "INT16", (3,)),
        ),
        max_batch_size=8,
    )


def make_inputs(batch_size: int, seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {
        # OpenVINO saturates where ONNX Runtime wraps around: stay below.
        "image": random.integers(0, 249, (batch_size, 128, 256, 3), np.uint8),
        "gain": random.standard_normal((batch_size, 4)).astype(np.float16),
        "count": random.integers(-32767, 32768, (batch_size, 3), np.int16),
    }


def assert_exact(inputs: dict[str, Array], outputs: dict[str, Array]) -> None:
    np.testing.assert_array_equal(outputs["shifted"], inputs["image"] + np.uint8(7))
    np.testing.assert_array_equal(outputs["doubled"], inputs["gain"] * np.float16(2))
    np.testing.assert_array_equal(outputs["negated"], -inputs["count"])
    assert [outputs[name].dtype for name in ("shifted", "doubled", "negated")] == [np.uint8, np.float16, np.int16]


def own_regions() -> list[Path]:
    return list(Path("/dev/shm").glob(f"visage-io-{os.getpid()}-*"))


async def registered_regions(client: TritonClient) -> set[str]:
    status = await client._triton().get_system_shared_memory_status()
    return set(status.regions)


async def wait_until_registered(client: TritonClient, expected: set[str]) -> set[str]:
    """Names on the server's list once they are `expected`, or after a few seconds."""
    deadline = time.monotonic() + 10
    while (names := await registered_regions(client)) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return names


async def read_growth(client: TritonClient, before: ModelStatistics, request_count: int) -> ModelStatistics:
    """Statistics since `before`, once they count `request_count` requests: Triton answers first, then counts."""
    deadline = time.monotonic() + 10
    while True:
        now = await client.statistics(before.model)
        growth = now.since(before)
        if growth.success_count + growth.failure_count >= request_count or time.monotonic() > deadline:
            return growth
        await asyncio.sleep(0.02)


def read_pending(server: LocalTriton) -> int:
    """Requests of `slow` that wait in Triton's queue."""
    with urllib.request.urlopen(server.metrics_url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = (line for line in lines if line.startswith("nv_inference_pending_request_count") and '"slow"' in line)
    return int(float(line.split()[-1]))


async def wait_until_pending(server: LocalTriton, count: int) -> int:
    """Requests that wait once they are `count`, or after a few seconds."""
    deadline = time.monotonic() + 10
    while (pending := await asyncio.to_thread(read_pending, server)) != count and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return pending


@pytest.mark.parametrize("model", EXACT_MODELS)
@pytest.mark.parametrize("batch_size", [1, 3, 8])
async def test_every_byte_comes_back(triton_client: TritonClient, model: str, batch_size: int) -> None:
    """uint8, float16 and int16 tensors arrive complete and exact, by both runtimes and both transports."""
    inputs = make_inputs(batch_size)

    outputs = await triton_client.infer(exact(model), inputs, deadline_s=20)

    assert_exact(inputs, outputs)


@pytest.mark.parametrize("model", EXACT_MODELS)
@pytest.mark.parametrize("names", [("shifted",), ("negated",), ("doubled", "negated"), ("shifted", "negated")])
async def test_only_wanted_outputs_come_back(triton_client: TritonClient, model: str, names: tuple[str, ...]) -> None:
    """Alone, as one of the sets that are compiled ahead, and across sets."""
    inputs, all_outputs = make_inputs(3), exact(model)
    wanted = replace(all_outputs, outputs=tuple(spec for spec in all_outputs.outputs if spec.name in names))

    outputs = await triton_client.infer(wanted, inputs, deadline_s=20)
    complete = await triton_client.infer(all_outputs, inputs, deadline_s=20)

    assert set(outputs) == set(names)
    assert all(np.array_equal(outputs[name], complete[name]) for name in names)


@pytest.mark.parametrize("model", EXACT_MODELS)
async def test_only_the_outputs_asked_for_come_back(triton_client: TritonClient, model: str) -> None:
    """Callers that want different outputs each get theirs, also when their requests are in one batch."""
    signature, inputs = exact(model), make_inputs(2)
    wanted = [signature.outputs[:1], signature.outputs[1:], signature.outputs]

    answers = await asyncio.gather(
        *(triton_client.infer(replace(signature, outputs=outputs), inputs, deadline_s=20) for outputs in wanted)
    )

    for outputs, answer in zip(wanted, answers, strict=True):
        assert set(answer) == {spec.name for spec in outputs}
        assert_exact(inputs, answers[2] | answer)


@pytest.mark.parametrize("model", EXACT_MODELS)
async def test_parallel_calls_share_a_batch(triton_client: TritonClient, model: str) -> None:
    """Requests of different callers are stacked into few executions and split again without mixing."""
    before = await triton_client.statistics(model)
    calls = [make_inputs(1 + seed % 2, seed) for seed in range(8)]
    signature = exact(model)

    results = await asyncio.gather(*(triton_client.infer(signature, inputs, deadline_s=20) for inputs in calls))

    for inputs, outputs in zip(calls, results, strict=True):
        assert_exact(inputs, outputs)
    growth = await read_growth(triton_client, before, request_count=8)
    assert growth.item_count == 12
    assert growth.mean_batch_size > 1.5


async def test_pinned_inputs_are_sent_once(triton_client: TritonClient) -> None:
    """Inputs kept under a digest serve many calls, and given inputs take precedence over them."""
    inputs = make_inputs(1)
    other = make_inputs(1, seed=1)
    signature = exact("exact")
    with await triton_client.pin("avatar-1", inputs) as pinned:
        again = await triton_client.pin("avatar-1", {})
        again.release()

        all_pinned = await triton_client.infer(signature, {}, pinned=pinned, deadline_s=20)
        mixed = await triton_client.infer(signature, {"image": other["image"]}, pinned=pinned, deadline_s=20)

    assert again is pinned
    assert_exact(inputs, all_pinned)
    assert_exact({**inputs, "image": other["image"]}, mixed)
    assert triton_client.find_pinned("avatar-2") is None


async def test_shared_memory_is_used_and_left_clean(triton_server: LocalTriton) -> None:
    """Large tensors go through shared memory; closing leaves none, here or on the server."""
    client = TritonClient(TritonClientSettings(url=triton_server.grpc_url))
    await client.infer(exact("exact"), make_inputs(2), deadline_s=20)
    with await client.pin("avatar", make_inputs(1)) as pinned:
        await client.infer(exact("exact"), {}, pinned=pinned, deadline_s=20)
    used = {path.name for path in own_regions()}
    registered = await registered_regions(client)

    await client.close()

    async with TritonClient(TritonClientSettings(url=triton_server.grpc_url, shared_memory=False)) as observer:
        left = await registered_regions(observer)
    assert len(used) == 3
    assert used <= registered
    assert own_regions() == []
    assert not used & left


async def test_a_full_pool_falls_back_to_the_wire(triton_server: LocalTriton) -> None:
    """Without room in shared memory the call is made all the same."""
    async with TritonClient(TritonClientSettings(url=triton_server.grpc_url, pool_bytes=0, pinned_bytes=0)) as client:
        inputs = make_inputs(1)
        with await client.pin("avatar", {"image": inputs.pop("image")}) as pinned:
            outputs = await client.infer(exact("exact"), inputs, pinned=pinned, deadline_s=20)

        assert_exact(make_inputs(1), outputs)
        assert own_regions() == []


async def test_cancelled_calls_leave_the_queue(triton_server: LocalTriton, triton_client: TritonClient) -> None:
    """Cancelling reaches Triton: queued requests are dropped unexecuted."""
    for _ in range(4):
        before = await triton_client.statistics("slow")
        running = asyncio.create_task(triton_client.infer(SLOW, SLOW_INPUT, deadline_s=30))
        await asyncio.sleep(0.02)
        queued = [asyncio.create_task(triton_client.infer(SLOW, SLOW_INPUT, deadline_s=30)) for _ in range(3)]
        most_pending = await wait_until_pending(triton_server, 3)
        if most_pending == 3:
            break
        # A busy machine answered them all before the metrics were read.
        await asyncio.gather(running, *queued)
    for call in queued:
        call.cancel()

    outcomes = await asyncio.gather(running, *queued, return_exceptions=True)
    # The queue is first in, first out: when this one is answered, the others are settled.
    await triton_client.infer(SLOW, SLOW_INPUT, deadline_s=30)

    growth = await read_growth(triton_client, before, request_count=5)
    assert most_pending == 3
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [False, True, True, True]
    assert (growth.execution_count, growth.failure_count) == (2, 3)


async def test_memory_of_a_cancelled_call_is_not_reused(triton_server: LocalTriton) -> None:
    """While the server still works on a cancelled call, its memory stays registered and no other call gets it."""
    async with TritonClient(TritonClientSettings(url=triton_server.grpc_url)) as client:
        await client.infer(SLOW, SLOW_INPUT, deadline_s=20)
        (warm,) = own_regions()
        call = asyncio.create_task(client.infer(SLOW, SLOW_INPUT, deadline_s=20))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

        unlinked = not warm.exists()
        still_registered = warm.name in await registered_regions(client)
        outputs = await client.infer(SLOW, SLOW_INPUT, deadline_s=20)
        (fresh,) = own_regions()
        finally_registered = await wait_until_registered(client, {fresh.name})

        np.testing.assert_array_equal(outputs["y"], SLOW_INPUT["x"])
        assert unlinked
        assert still_registered
        assert fresh != warm
        assert finally_registered == {fresh.name}


async def test_the_deadline_is_kept(triton_client: TritonClient) -> None:
    """A call that takes longer than its caller allows ends with DeadlineExceeded, and its request is dropped."""
    before = await triton_client.statistics("slow")
    calls = [triton_client.infer(SLOW, SLOW_INPUT, deadline_s=0.05) for _ in range(3)]

    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await triton_client.infer(SLOW, SLOW_INPUT, deadline_s=20)

    growth = (await triton_client.statistics("slow")).since(before)
    assert {type(outcome) for outcome in outcomes} <= {DeadlineExceeded, ModelOverloaded}
    assert any(isinstance(outcome, DeadlineExceeded) for outcome in outcomes)
    assert growth.execution_count < 4


async def test_a_full_queue_is_an_overload(triton_client: TritonClient) -> None:
    """More calls than the queue holds: the surplus is refused at once with a hint when to come back."""
    calls = [triton_client.infer(SLOW, SLOW_INPUT, deadline_s=30) for _ in range(9)]

    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, ModelOverloaded)]
    assert 3 <= len(refused) <= 5
    assert all(error.retry_after_s is not None and error.model == "slow" for error in refused)
    assert len(refused) + sum(isinstance(outcome, dict) for outcome in outcomes) == len(calls)


async def test_inputs_the_server_refuses(triton_client: TritonClient) -> None:
    """A declaration that the server does not share ends in ModelRejectedInput, not in a broken connection."""
    wrong = ModelSignature("exact", (TensorSpec("image", "UINT8", (4, 4, 3)),), (), 1)

    with pytest.raises(ModelRejectedInput, match="exact: INVALID_ARGUMENT"):
        await triton_client.infer(wrong, {"image": np.zeros((1, 4, 4, 3), np.uint8)}, deadline_s=5)


async def test_signatures_are_checked_against_the_server(triton_client: TritonClient) -> None:
    """What the server announces satisfies a true declaration; a false one is described."""
    await triton_client.check([exact("exact"), SLOW])
    false = ModelSignature("slow", (TensorSpec("x", "FP16", (256, 1024)),), SLOW.outputs, max_batch_size=4)

    with pytest.raises(SignatureMismatch) as caught:
        await triton_client.check([false])

    assert str(caught.value) == (
        "slow: input x is FP16 [256, 1024] declared, FP32 [256, 1024] on the server; "
        "max_batch_size is 4 declared, 1 on the server"
    )


async def test_another_model_than_declared_is_not_ready(triton_client: TritonClient) -> None:
    """A served model that differs from the declaration does not count as ready."""
    false = ModelSignature("slow", (TensorSpec("x", "FP16", (256, 1024)),), SLOW.outputs, 1)

    assert await triton_client.ready([false]) == {"slow": False}


async def test_unknown_models_are_unavailable(triton_client: TritonClient) -> None:
    """A model that the server lacks may be on another replica: not ready, and unavailable when called."""
    missing = ModelSignature("missing", SLOW.inputs, SLOW.outputs, 1)

    readiness = await triton_client.ready([SLOW, missing])

    assert readiness == {"slow": True, "missing": False}
    with pytest.raises(ModelUnavailable) as caught:
        await triton_client.infer(missing, SLOW_INPUT, deadline_s=5)
    assert caught.value.retry_after_s is not None
