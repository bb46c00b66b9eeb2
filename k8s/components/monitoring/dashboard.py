"""Makes dashboard.json for Grafana: `python -m k8s.components.monitoring.dashboard`. A test compares the two."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).with_name("dashboard.json")
_COLUMNS: Final = 3
_WIDTH: Final = 8
_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_MESH: Final = 'namespace="$namespace"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: `queries` are (PromQL, legend); `unit` is Grafana's name of it; `limit` draws an objective."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    limit: float | None = None


PANELS: Final = (
    Panel("Calls in flight", "short", ((f"sum by (service) (visage_server_active_calls{{{_MESH}}})", "{{service}}"),)),
    Panel(
        "Streams over capacity",
        "percentunit",
        ((f"avg by (service) (visage:stream_load:ratio{{{_MESH}}})", "{{service}}"),),
        0.8,
    ),
    Panel(
        "Streams that fit",
        "short",
        ((f"sum by (service) (visage_stream_capacity{{{_MESH}}})", "{{service}}"),),
    ),
    Panel(
        "Calls refused",
        "reqps",
        (
            (
                f"sum by (service, reason) (rate(visage_server_rejections_total{{{_MESH}}}[5m]))",
                "{{service}}: {{reason}}",
            ),
        ),
    ),
    Panel("Calls that fail", "percentunit", ((f"visage:call_failures:ratio{{{_MESH}}}", "{{service}}"),), 0.01),
    Panel("First frame, 95th percentile", "s", ((f"visage:first_frame:seconds_p95{{{_MESH}}}", "p95"),), 0.6),
    Panel("Gap between frames, 99th percentile", "s", ((f"visage:frame_gap:seconds_p99{{{_MESH}}}", "p99"),), 0.08),
    Panel(
        "Fragments and frames whose sound is off",
        "percentunit",
        ((f"visage:av_skew_outside:ratio{{{_MESH}}}", "beyond +45/-125 ms"),),
        0.01,
    ),
    Panel(
        "Sound before or behind pictures, 99th percentile",
        "s",
        (
            (
                "histogram_quantile(0.99, sum by (ahead, le) "
                f"(rate(visage_composition_av_skew_seconds_bucket{{{_MESH}}}[5m])))",
                "{{ahead}} ahead",
            ),
        ),
    ),
    Panel(
        "Work of a stage, mean per stream",
        "s",
        (
            (
                f"sum by (stage) (rate(visage_composition_stage_seconds_sum{{{_MESH}}}[5m])) / "
                f"(sum by (stage) (rate(visage_composition_stage_seconds_count{{{_MESH}}}[5m])) > 0)",
                "{{stage}}",
            ),
        ),
    ),
    Panel("Frames rendered", "fps", ((f"sum(rate(visage_composition_frames_total{{{_MESH}}}[1m]))", "frames"),)),
    Panel(
        "Call duration, 95th percentile",
        "s",
        (
            (
                "histogram_quantile(0.95, sum by (service, le) "
                f"(rate(rpc_server_call_duration_seconds_bucket{{{_MESH}}}[5m])))",
                "{{service}}",
            ),
        ),
    ),
    Panel("Wait in Triton's queue", "s", ((f"visage:triton_queue:seconds{{{_MESH}}}", "{{pod}}"),), 0.02),
    Panel(
        "Items per Triton execution",
        "short",
        (
            (
                f"sum by (model) (rate(nv_inference_count{{{_MESH}}}[5m])) / "
                f"(sum by (model) (rate(nv_inference_exec_count{{{_MESH}}}[5m])) > 0)",
                "{{model}}",
            ),
        ),
    ),
    Panel("Requests to models that fail", "percentunit", ((f"visage:triton_failures:ratio{{{_MESH}}}", "{{model}}"),)),
    Panel("GPU utilisation", "percentunit", ((f"nv_gpu_utilization{{{_MESH}}}", "{{pod}}"),)),
    Panel("GPU memory", "bytes", ((f"nv_gpu_memory_used_bytes{{{_MESH}}}", "{{pod}}"),)),
    Panel(
        "Pods ready",
        "short",
        ((f"kube_deployment_status_replicas_available{{{_MESH}}}", "{{deployment}}"),),
    ),
)


def dashboard() -> dict[str, Any]:
    """Returns the dashboard as Grafana imports it."""
    return {
        "title": "Visage",
        "uid": "visage",
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
                {
                    "name": "namespace",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": "label_values(visage_server_active_calls, namespace)",
                    "refresh": 2,
                },
            ]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    place = {"x": number % _COLUMNS * _WIDTH, "y": number // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "off" if panel.limit is None else "line"}},
            },
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": legend}
            for place, (expression, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """Returns what dashboard.json holds."""
    return json.dumps(dashboard(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
