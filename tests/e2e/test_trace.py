"""One generation as operators see it: one trace through all processes, and the metrics of its services."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.e2e.counters import series
from tests.fakes.otlp import SpanCollector
from visage.client import AsyncVisage, tracing
from visage.client.connection import SERVICES
from visage.client.embedded import EmbeddedMesh

pytestmark = pytest.mark.e2e

EXPECTED = {
    "visage-composition": "visage.v1.CompositionService/GenerateAvatar",
    "visage-speech": "visage.v1.SpeechService/StreamSynthesizeSpeech",
    "visage-animation": "visage.v1.AnimationService/AnimateFromAudio",
}


async def test_one_trace_from_the_client_into_triton(
    mesh: EmbeddedMesh, identity: str, spans: SpanCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's span, those of composition, speech and animation, and Triton's of the renderer share a trace."""
    own = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(own))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text="One trace.")
        async for _ in visage.generation.stream(request):
            pass
    span = next(item for item in own.get_finished_spans() if item.name == "GenerateAvatar")
    trace_id = f"{span.context.trace_id:032x}"

    def seen() -> bool:
        found = spans.names_of(trace_id)
        in_services = all(name in found.get(process, set()) for process, name in EXPECTED.items())
        return in_services and any("renderer" in names for names in found.values())

    async with asyncio.timeout(60):
        while not seen():
            await asyncio.sleep(0.2)

    assert span.instrumentation_scope is not None and span.instrumentation_scope.name == tracing.SCOPE
    assert seen()


async def test_metrics_of_a_generation(mesh: EmbeddedMesh, identity: str) -> None:
    """Every service shows streams and capacity; composition shows frames, first frame, gaps, stages and skews."""
    count = "visage_composition_time_to_first_frame_seconds_count"

    def read(name: str, **labels: str) -> float:
        return series(mesh, "composition", name, **labels)

    async with asyncio.timeout(30):
        # Streams that other tests left are ending still.
        while await asyncio.to_thread(read, "visage_active_streams"):
            await asyncio.sleep(0.1)
    before = await asyncio.to_thread(read, count)
    frames_before = await asyncio.to_thread(read, "visage_composition_frames_total")
    gaps_before = await asyncio.to_thread(read, "visage_composition_inter_frame_gap_seconds_count")
    skews_before = await asyncio.to_thread(read, "visage_composition_av_skew_seconds_count")
    async with AsyncVisage(mesh.settings) as visage:
        request = await visage.generation.request(identity, text="These are the figures of one generation.")
        fragments = 0
        frame_count = 0
        active = 0.0
        async for response in visage.generation.stream(request):
            if response.WhichOneof("response") == "fragment":
                fragments += response.fragment.end_of_segment
                active = max(active, await asyncio.to_thread(read, "visage_active_streams"))
            elif response.WhichOneof("response") == "summary":
                frame_count = response.summary.frame_count
    capacities = {name: await asyncio.to_thread(series, mesh, name, "visage_stream_capacity") for name in SERVICES}

    assert active == 1
    assert await asyncio.to_thread(read, count) - before == 1
    assert await asyncio.to_thread(read, "visage_composition_frames_total") - frames_before == frame_count
    gaps = await asyncio.to_thread(read, "visage_composition_inter_frame_gap_seconds_count") - gaps_before
    # The init segment holds no frames, and the first fragment has none before it.
    assert gaps == fragments - 2
    assert await asyncio.to_thread(read, "visage_composition_av_skew_seconds_count") - skews_before == fragments - 1
    for stage in ("speech", "animation", "render", "encode"):
        assert await asyncio.to_thread(read, "visage_composition_stage_seconds_count", stage=stage) >= 1
    assert capacities == dict.fromkeys(SERVICES, 16.0)
