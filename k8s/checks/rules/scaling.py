"""Replicas, autoscalers and disruption budgets agree with each other and with admission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from k8s.checks.manifest import SERVICES, Manifest, Object, name_of, quantity, title_of

SHARE: Final = 0.8
"""Part of a pod's capacity at which another one is wanted."""
LOAD_METRIC: Final = "visage_stream_load"
LOAD_SERIES: Final = "visage:stream_load:ratio"
"""Streams that run over the capacity that admission goes by, as the adapter calls it and as it is recorded."""
LEAST: Final = 2
"""Replicas that a rolling update and a lost node leave one of."""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """What HPA and ScaledObject have in common; `share` is None where the metric is not the load."""

    title: str
    target: str
    least: int
    most: int
    share: float | None


def autoscalers(manifest: Manifest) -> Iterator[Autoscaler]:
    """Yields every autoscaler of either kind."""
    for item in manifest.of("HorizontalPodAutoscaler"):
        spec = item["spec"]
        metric = spec["metrics"][0].get("pods", {})
        is_load = metric.get("metric", {}).get("name") == LOAD_METRIC
        share = quantity(metric["target"]["averageValue"]) if is_load else None
        target = spec["scaleTargetRef"]["name"]
        yield Autoscaler(title_of(item), target, spec.get("minReplicas", 1), spec["maxReplicas"], share)
    for item in manifest.of("ScaledObject"):
        spec = item["spec"]
        metadata = spec["triggers"][0]["metadata"]
        share = float(metadata["threshold"]) if LOAD_SERIES in metadata["query"] else None
        target = spec["scaleTargetRef"]["name"]
        least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
        yield Autoscaler(title_of(item), target, least, most, share)


def check(manifest: Manifest) -> Iterator[str]:
    """Bounds, targets and budgets; one autoscaler a target at most."""
    found = list(autoscalers(manifest))
    for target, count in Counter(item.target for item in found).items():
        if count > 1:
            yield f"Deployment/{target}: {count} autoscalers would fight over it"
    for item in found:
        yield from _check_autoscaler(manifest, item)
    for deployment in manifest.of("Deployment"):
        yield from _check_replicas(manifest, deployment, {item.target: item for item in found})
    for budget in manifest.of("PodDisruptionBudget"):
        yield from _check_budget(manifest, budget, {item.target: item for item in found})


def _check_autoscaler(manifest: Manifest, item: Autoscaler) -> Iterator[str]:
    deployment = manifest.find("Deployment", item.target)
    if item.least > item.most:
        yield f"{item.title}: its minimum {item.least} is above its maximum {item.most}"
    if item.least < LEAST:
        yield f"{item.title}: its minimum is {item.least}; {LEAST} survive an update"
    if deployment is None:
        yield f"{item.title}: there is no Deployment {item.target}"
        return
    if "replicas" in deployment["spec"]:
        yield f"{title_of(deployment)}: spec.replicas resets what {item.title} decides"
    if item.target in SERVICES and item.share != SHARE:
        yield f"{item.title}: scales at {item.share} of the streams that a pod carries; it must be {SHARE}"


def _check_replicas(manifest: Manifest, deployment: Object, by_target: Mapping[str, Autoscaler]) -> Iterator[str]:
    name = name_of(deployment)
    replicas = deployment["spec"].get("replicas")
    if replicas is None and name not in by_target:
        yield f"{title_of(deployment)}: neither replicas nor an autoscaler"
    budgets = [budget for budget in manifest.of("PodDisruptionBudget") if deployment in _guarded(manifest, budget)]
    if _least(deployment, by_target) >= LEAST and len(budgets) != 1:
        yield f"{title_of(deployment)}: {len(budgets)} disruption budgets"


def _check_budget(manifest: Manifest, budget: Object, by_target: Mapping[str, Autoscaler]) -> Iterator[str]:
    spec = budget["spec"]
    if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield f"{title_of(budget)}: broken pods would block the drain of a node"
    guarded = _guarded(manifest, budget)
    if not guarded:
        yield f"{title_of(budget)}: guards no deployment"
    for deployment in guarded:
        least, unavailable = _least(deployment, by_target), spec.get("maxUnavailable")
        if not isinstance(unavailable, int) or not 0 < unavailable < least:
            yield f"{title_of(budget)}: maxUnavailable {unavailable} of {least} pods"


def _guarded(manifest: Manifest, budget: Object) -> list[Object]:
    selector: Mapping[str, Any] = budget["spec"].get("selector", {}).get("matchLabels", {})
    return manifest.selected(selector)


def _least(deployment: Object, by_target: Mapping[str, Autoscaler]) -> int:
    scaler = by_target.get(name_of(deployment))
    return scaler.least if scaler else int(deployment["spec"].get("replicas", 1))
