"""The caller's trace continues inside Triton."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider

from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.local import LocalTriton, LocalTritonSettings
from visage.runtime.triton.settings import TritonClientSettings
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


class Collector(ThreadingHTTPServer):
    """Receives spans over OTLP/HTTP, which Triton sends as JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.span_names: dict[str, set[str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"


class CollectorHandler(BaseHTTPRequestHandler):
    """Notes trace ids and names of the spans that arrive."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Collector)
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    self.server.span_names.setdefault(span["traceId"].lower(), set()).add(span["name"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


async def test_a_trace_reaches_into_triton(tiny_models: Path) -> None:
    """Triton's spans of a call carry the trace id of the span around the call."""
    tracer = TracerProvider().get_tracer("test")
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        settings = LocalTritonSettings(grpc_port=0, http_port=0, metrics_port=0, otlp_traces_url=collector.url)
        async with LocalTriton(tiny_models, models=["exact"], settings=settings) as server:
            async with TritonClient(TritonClientSettings(url=server.grpc_url)) as client:
                with tracer.start_as_current_span("frame") as span:
                    await client.infer(EXACT, INPUTS, deadline_s=20)
            trace_id = f"{span.get_span_context().trace_id:032x}"
            deadline = time.monotonic() + 20
            # Triton sends its spans in batches, every five seconds; one call's may come in two of them.
            while not collector.span_names.get(trace_id, set()) >= SPANS and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
        collector.shutdown()

    assert collector.span_names[trace_id] >= SPANS
