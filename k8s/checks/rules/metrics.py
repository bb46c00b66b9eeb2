"""Series that rules, autoscalers and dashboards ask for exist: exported, recorded, or another project's and listed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from k8s.checks.manifest import Manifest, Object, title_of
from visage.runtime import telemetry

FOREIGN: Final = {
    "up",
    "nv_inference_queue_duration_us",
    "nv_inference_request_success",
    "nv_inference_request_failure",
    "nv_inference_exec_count",
    "nv_inference_count",
    "nv_gpu_utilization",
    "nv_gpu_memory_used_bytes",
    "kube_deployment_status_replicas_available",
    "kube_deployment_status_condition",
    "kube_deployment_spec_replicas",
    "kube_pod_container_status_restarts_total",
    "kube_horizontalpodautoscaler_status_desired_replicas",
    "kube_horizontalpodautoscaler_spec_max_replicas",
}
"""Of Prometheus, Triton (docs, "Metrics") and kube-state-metrics."""

_COUNTERS: Final = (telemetry.ADMISSION_REJECTIONS, telemetry.FRAMES_RENDERED)
_GAUGES: Final = (telemetry.ACTIVE_CALLS, telemetry.ACTIVE_STREAMS, telemetry.STREAM_CAPACITY)

_NOISE: Final = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring|group_left)\s*\([^)]*\)')
_SERIES: Final = re.compile(r"\b(?:up\b|(?:visage|nv|kube|rpc)[_:][\w:]*)")


def exported() -> set[str]:
    """Returns the series that services export to Prometheus."""
    names = {f"{_flat(name)}_seconds_{part}" for name in telemetry.HISTOGRAMS for part in ("bucket", "sum", "count")}
    return names | {f"{_flat(name)}_total" for name in _COUNTERS} | {_flat(name) for name in _GAUGES}


def _flat(name: str) -> str:
    return name.replace(".", "_")


def series_in(expression: str) -> set[str]:
    """Returns the names of the series of a PromQL expression."""
    return set(_SERIES.findall(_NOISE.sub(" ", expression)))


def recorded(manifest: Manifest) -> set[str]:
    """Returns the series that the manifest's rules record."""
    return {rule["record"] for _, rule in _rules(manifest) if "record" in rule}


def _rules(manifest: Manifest) -> Iterator[tuple[Object, dict[str, Any]]]:
    for item in manifest.of("PrometheusRule"):
        for group in item["spec"]["groups"]:
            for rule in group["rules"]:
                yield item, rule


def check(manifest: Manifest) -> Iterator[str]:
    """No expression asks for a series that nobody makes; no autoscaler for a metric that the adapter lacks."""
    known = exported() | FOREIGN | recorded(manifest)
    for where, expression in _expressions(manifest):
        for name in sorted(series_in(expression) - known):
            yield f"{where}: nobody makes the series {name}"
    offered = {str(rule["name"]["as"]) for rule in _adapter_rules(manifest)}
    for item in manifest.of("HorizontalPodAutoscaler"):
        for metric in item["spec"]["metrics"]:
            name = metric.get("pods", {}).get("metric", {}).get("name")
            if metric["type"] == "Pods" and name not in offered:
                yield f"{title_of(item)}: the adapter offers no metric {name}"
    has_autoscalers = manifest.of("HorizontalPodAutoscaler") or manifest.of("ScaledObject")
    if has_autoscalers and not manifest.of("ServiceMonitor"):
        yield "ServiceMonitor: the autoscalers' metrics are scraped by nobody"


def _expressions(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for item, rule in _rules(manifest):
        yield f"{title_of(item)} {rule.get('record') or rule.get('alert')}", rule["expr"]
    for item in manifest.of("ScaledObject"):
        for trigger in item["spec"]["triggers"]:
            yield title_of(item), trigger["metadata"]["query"]
    for rule in _adapter_rules(manifest):
        yield "ConfigMap/prometheus-adapter-rules", rule["seriesQuery"]
    for item in manifest.of("ConfigMap"):
        if item["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            for text in item["data"].values():
                for panel in json.loads(text)["panels"]:
                    for target in panel.get("targets", ()):
                        yield f"{title_of(item)} panel {panel['title']!r}", target["expr"]


def _adapter_rules(manifest: Manifest) -> list[dict[str, Any]]:
    config = manifest.find("ConfigMap", "prometheus-adapter-rules")
    return list(yaml.safe_load(config["data"]["config.yaml"])["rules"]) if config else []
