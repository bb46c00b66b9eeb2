"""Why an autoscaler wants as many pods as it does."""

from __future__ import annotations

import pytest

from visage.cli.cluster.explain import Metric, Scaler, explain, wish_of

pytestmark = pytest.mark.unit


def scaler(*metrics: Metric, replicas: int = 4, desired: int = 4) -> Scaler:
    return Scaler("composition", replicas, desired, 2, 12, metrics)


@pytest.mark.parametrize(("value", "wanted"), [(0.8, 4), (0.85, 4), (1.0, 5), (0.4, 2), (2.0, 10)])
def test_a_metric_wants_pods_in_proportion(value: float, wanted: int) -> None:
    """Four pods at this load over 0.8: the ratio rounded up, and no change within 10 %."""
    assert wish_of(Metric("load", value, 0.8), 4).replicas == wanted


def test_the_largest_wish_counts() -> None:
    """Of two metrics the one that wants more is named, with its figures."""
    wishes, verdict = explain(scaler(Metric("load", 0.4, 0.8), Metric("queue", 0.03, 0.02), desired=6))

    assert [wish.replicas for wish in wishes] == [2, 6]
    assert verdict == "queue wants 6"
    assert "0.03 per pod, wanted 0.02" in wishes[1].reason


def test_bounds_are_named() -> None:
    """What is beyond the maximum is told, and so is what the cluster has not done yet."""
    _, verdict = explain(scaler(Metric("load", 4.0, 0.8)))

    assert verdict.startswith("load wants 20, the maximum is 12; the cluster has decided on 4 so far")


def test_nothing_shrinks_while_a_metric_is_missing() -> None:
    """A metric without a figure keeps the pods that there are, and is named."""
    wishes, verdict = explain(scaler(Metric("load", 0.2, 0.8), Metric("queue", None, 0.02)))

    assert wishes[1].replicas is None and "no figure arrives" in wishes[1].reason
    assert "stays at 4" in verdict
