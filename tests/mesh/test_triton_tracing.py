"""The caller's trace continues inside Triton."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider

from tests.fakes.otlp import SpanCollector
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.local_server import LocalTriton
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.runtime.triton.signature import ModelSignature, TensorSpec

pytestmark = pytest.mark.mesh

EXACT = ModelSignature(
    "exact",
    (
        TensorSpec("image", "UINT8", (128, 256, 3)),
        TensorSpec("gain", "FP16", (4,)),
        TensorSpec("count", "INT16", (3,)),
    ),
    (TensorSpec("negated", "INT16", (3,)),),
)
INPUTS = {
    "image": np.zeros((1, 128, 256, 3), np.uint8),
    "gain": np.zeros((1, 4), np.float16),
    "count": np.ones((1, 3), np.int16),
}


SPANS = {"InferRequest", "exact"}


async def test_a_trace_reaches_into_triton(tiny_models: Path) -> None:
    """Triton's spans of a call carry the trace id of the span around the call."""
    tracer = TracerProvider().get_tracer("test")
    with SpanCollector() as collector:
        settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0, otlp_traces_url=collector.http_url)
        async with LocalTriton(tiny_models, models=["exact"], settings=settings) as server:
            async with TritonClient(TritonClientSettings(url=server.grpc_url)) as client:
                with tracer.start_as_current_span("frame") as span:
                    await client.infer(EXACT, INPUTS, deadline_s=20)
            trace_id = f"{span.get_span_context().trace_id:032x}"
            deadline = time.monotonic() + 20
            # Triton sends its spans in batches, every five seconds; one call's may come in two of them.
            while not _seen(collector, trace_id) >= SPANS and time.monotonic() < deadline:
                await asyncio.sleep(0.1)

    assert _seen(collector, trace_id) >= SPANS


def _seen(collector: SpanCollector, trace_id: str) -> set[str]:
    return set().union(*collector.names_of(trace_id).values())
