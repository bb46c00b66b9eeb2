"""Why an autoscaler wants as many pods as it does, by the rules of HPA v2.

Source: Kubernetes, "Horizontal Pod Autoscaling": desired = ceil(current x value / target), no change within 10 %, the
largest of all metrics, within minimum and maximum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Metric:
    """What an autoscaler looks at; `value` None: it gets no figure."""

    name: str
    value: float | None
    target: float


@dataclass(frozen=True, slots=True)
class Scaler:
    """An autoscaler as it stands; `desired` is what the cluster has decided."""

    target: str
    replicas: int
    desired: int
    least: int
    most: int
    metrics: Sequence[Metric]


@dataclass(frozen=True, slots=True)
class Wish:
    """How many replicas one metric wants, and why."""

    metric: str
    replicas: int | None
    reason: str


def wish_of(metric: Metric, replicas: int) -> Wish:
    """Returns what one metric wants."""
    if metric.value is None:
        return Wish(metric.name, None, "no figure arrives: is it scraped, and does the adapter offer it?")
    ratio = metric.value / metric.target
    figures = f"{metric.value:g} per pod, wanted {metric.target:g}"
    if abs(ratio - 1) <= TOLERANCE:
        return Wish(metric.name, replicas, f"{figures}: within 10 %")
    wanted = math.ceil(replicas * ratio)
    return Wish(metric.name, wanted, f"{figures}: {replicas} x {ratio:.2f} = {wanted}")


def explain(scaler: Scaler) -> tuple[list[Wish], str]:
    """Returns what each metric wants, and one sentence on what comes of it."""
    wishes = [wish_of(metric, scaler.replicas) for metric in scaler.metrics]
    known = [wish for wish in wishes if wish.replicas is not None]
    if not known:
        return wishes, f"stays at {scaler.replicas}: no metric is known"
    first = max(known, key=lambda wish: wish.replicas or 0)
    wanted = first.replicas or 0
    bounded = min(max(wanted, scaler.least), scaler.most)
    text = f"{first.metric} wants {wanted}"
    if bounded != wanted:
        text += f", the {'maximum' if bounded < wanted else 'minimum'} is {bounded}"
    if len(known) < len(wishes) and bounded < scaler.replicas:
        return wishes, f"{text}; stays at {scaler.replicas}, since nothing shrinks while a metric is missing"
    if scaler.desired != bounded:
        text += f"; the cluster has decided on {scaler.desired} so far, the window of its behaviour holds the rest back"
    return wishes, text
