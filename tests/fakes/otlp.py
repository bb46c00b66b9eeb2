"""Where processes send their spans: OTLP over gRPC, as our services do, and over HTTP with JSON, as Triton does."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class SpanCollector:
    """Keeps the names of spans by trace id and process; a context manager that listens on loopback."""

    def __init__(self) -> None:
        self.names: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._http = _HttpServer(self)
        self._grpc = grpc.server(ThreadPoolExecutor(2, thread_name_prefix="otlp"))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._grpc)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(), self._grpc)
        self.grpc_url = f"http://127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self.http_url = f"http://127.0.0.1:{self._http.server_port}/v1/traces"

    def add(self, service: str, trace_id: str, name: str) -> None:
        self.names[trace_id.lower()][service].add(name)

    def names_of(self, trace_id: str) -> dict[str, set[str]]:
        """Returns process → names of its spans in one trace."""
        return {service: set(names) for service, names in dict(self.names[trace_id]).items()}

    def __enter__(self) -> Self:
        self._grpc.start()
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(None).wait()


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: SpanCollector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            service = _name({item.key: item.value.string_value for item in resource.resource.attributes})
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._collector.add(service, span.trace_id.hex(), span.name)
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request: Any, context: Any) -> metrics_service_pb2.ExportMetricsServiceResponse:
        return metrics_service_pb2.ExportMetricsServiceResponse()


class _HttpServer(ThreadingHTTPServer):
    def __init__(self, collector: SpanCollector) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.collector = collector


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, _HttpServer)
        for resource in json.loads(body)["resourceSpans"]:
            attributes = resource.get("resource", {}).get("attributes", [])
            service = _name({item["key"]: item["value"].get("stringValue", "") for item in attributes})
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    self.server.collector.add(service, span["traceId"], span["name"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _name(attributes: dict[str, str]) -> str:
    return attributes.get("service.name", "")
