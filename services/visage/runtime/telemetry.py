"""Traces and metrics: names as constants, exporters as configured, no-op otherwise.

Privacy rule: no text, no audio, no pixels and no embeddings in any name, attribute or event. Durations are seconds.
Metric names follow OpenTelemetry's semantic conventions for RPC where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from wsgiref.simple_server import WSGIServer

import prometheus_client
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SERVER_CALL_DURATION: Final = "rpc.server.call.duration"
ACTIVE_CALLS: Final = "visage.server.active_calls"
ACTIVE_STREAMS: Final = "visage.active_streams"
STREAM_CAPACITY: Final = "visage.stream_capacity"
ADMISSION_REJECTIONS: Final = "visage.server.rejections"
TIME_TO_FIRST_FRAME: Final = "visage.composition.time_to_first_frame"
INTER_FRAME_GAP: Final = "visage.composition.inter_frame_gap"
STAGE: Final = "visage.composition.stage"
"""Seconds of one stream in which a stage had work in hand."""
FRAMES_RENDERED: Final = "visage.composition.frames"

AV_SKEW: Final = "visage.composition.av_skew"
"""Seconds by which the sound that a caller has taken outlasts the pictures, or falls short of them, at each fragment or
raw frame. Histograms hold nothing below zero: the attribute says which of the two is ahead."""

AHEAD_SOUND: Final = "sound"
AHEAD_PICTURES: Final = "pictures"
SKEW_LIMITS_S: Final = {AHEAD_SOUND: 0.045, AHEAD_PICTURES: 0.125}
"""Largest skew that viewers do not notice, by what is ahead: ITU-R BT.1359-1."""

ATTRIBUTE_AHEAD: Final = "ahead"
ATTRIBUTE_STAGE: Final = "stage"
ATTRIBUTE_REASON: Final = "reason"
"""Of a refusal: "streams" (the capacity), "calls" (memory) or "draining"."""
ATTRIBUTE_METHOD: Final = "rpc.method"
ATTRIBUTE_SYSTEM: Final = "rpc.system.name"
ATTRIBUTE_STATUS: Final = "rpc.response.status_code"
"""Name of the gRPC status as callers see it: "OK", "CANCELLED", "INTERNAL"…"""

SCOPE: Final = "visage"

_FRAME_BUCKETS: Final = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)
SECONDS_BUCKETS: Final = (*_FRAME_BUCKETS, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of histograms of durations, in seconds: fine around 0.6 s, the objective for a first frame, and 0.08 s,
that for the gap between two. Those of the SDK start at 5, which suits milliseconds."""
SKEW_BUCKETS: Final = (0.005, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.125, 0.2, 0.5, 1.0, 5.0)
"""Upper bounds of the histogram of skews, in seconds; the limits are among them."""
HISTOGRAMS: Final = {
    SERVER_CALL_DURATION: SECONDS_BUCKETS,
    TIME_TO_FIRST_FRAME: SECONDS_BUCKETS,
    INTER_FRAME_GAP: SECONDS_BUCKETS,
    STAGE: SECONDS_BUCKETS,
    AV_SKEW: SKEW_BUCKETS,
}
"""Every histogram, with its upper bounds."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The process's exporters; `close` flushes and stops them. `metrics_port` is 0 where Prometheus is off."""

    tracer_provider: TracerProvider | None
    meter_provider: MeterProvider | None
    metrics_server: WSGIServer | None
    metrics_port: int

    def close(self) -> None:
        """Flushes what is pending and stops the exporters."""
        if self.tracer_provider is not None:
            self.tracer_provider.shutdown()
        if self.meter_provider is not None:
            self.meter_provider.shutdown()
        if self.metrics_server is not None:
            self.metrics_server.shutdown()
            self.metrics_server.server_close()


def configure(service: str, otlp_endpoint: str, metrics_port: int, host: str = "127.0.0.1") -> Telemetry:
    """Installs the exporters of this process; endpoint "" and port -1 leave OpenTelemetry's no-ops."""
    resource = Resource.create({"service.name": f"visage-{service}"})
    tracer_provider: TracerProvider | None = None
    if otlp_endpoint:
        # Imported only where used: the exporters take a tenth of a second of every start.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        tracer_provider = TracerProvider(resource=resource)
        tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True)))
        trace.set_tracer_provider(tracer_provider)
    readers: list[MetricReader] = []
    server: WSGIServer | None = None
    if otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=otlp_endpoint, insecure=True)))
    if metrics_port >= 0:
        readers.append(PrometheusMetricReader())
        server, _ = prometheus_client.start_http_server(metrics_port, addr=host)
    meter_provider: MeterProvider | None = None
    if readers:
        meter_provider = MeterProvider(resource=resource, metric_readers=readers, views=views())
        metrics.set_meter_provider(meter_provider)
    return Telemetry(tracer_provider, meter_provider, server, server.server_port if server else 0)


def views() -> list[View]:
    """Returns what gives the histograms their bounds."""
    return [
        View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(bounds))
        for name, bounds in HISTOGRAMS.items()
    ]


def tracer() -> trace.Tracer:
    """Returns the tracer of the process."""
    return trace.get_tracer(SCOPE)


def meter() -> metrics.Meter:
    """Returns the meter of the process."""
    return metrics.get_meter(SCOPE)
