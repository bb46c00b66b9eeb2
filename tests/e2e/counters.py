"""How busy a mesh is, read from its Prometheus endpoints."""

from __future__ import annotations

import re
import urllib.request

from visage.client.connection import SERVICES
from visage.client.embedded import EmbeddedMesh


def _metrics(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def _sum(text: str, name: str, **labels: str) -> float:
    total = 0.0
    for line in text.splitlines():
        if line.startswith(name) and all(f'{key}="{value}"' in line for key, value in labels.items()):
            total += float(re.split(r"\s+", line)[-1])
    return total


def active_calls(mesh: EmbeddedMesh) -> dict[str, float]:
    """Returns service → calls in flight."""
    ports = {name: mesh.environment[f"VISAGE_{name.upper()}_METRICS_PORT"] for name in SERVICES}
    return {name: _sum(_metrics(port), "visage_server_active_calls") for name, port in ports.items()}


def series(mesh: EmbeddedMesh, service: str, name: str, **labels: str) -> float:
    """Returns the sum of a series' samples on a service's endpoint."""
    return _sum(_metrics(mesh.environment[f"VISAGE_{service.upper()}_METRICS_PORT"]), name, **labels)


def triton_load(mesh: EmbeddedMesh, model: str = "renderer") -> tuple[float, float]:
    """Returns a model's waiting requests and the items executed so far."""
    text = _metrics(mesh.triton_metrics_port)
    waiting = _sum(text, "nv_inference_pending_request_count", model=model)
    return waiting, _sum(text, "nv_inference_count", model=model)
