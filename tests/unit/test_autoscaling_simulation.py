"""The autoscaling values in k8s/ against a day of arrivals with bursts, and against values that look as good.

Run it with `-s` to see what a day costs: `pytest tests/unit/test_autoscaling_simulation.py -s`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8s.checks.render import OVERLAYS, render
from tests.fakes.autoscaling import DAY_S, Autoscaler, Outcome, Rules, World, arrivals, replay

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def rules() -> Rules:
    """The production overlay's, for composition."""
    autoscaler = render(OVERLAYS / "production").find("HorizontalPodAutoscaler", "composition")
    assert autoscaler is not None
    return Rules.of(autoscaler)


@pytest.fixture(scope="module")
def days(rules: Rules) -> dict[str, Outcome]:
    """One day under the rules as they are, and under others."""
    world = World()
    days = {
        "as in k8s/": replay(rules, world),
        "target 0.6": replay(replace(rules, target=0.6), world),
        "target 0.95": replay(replace(rules, target=0.95), world),
        "up window 300 s": replay(replace(rules, up_window_s=300), world),
        "down window 60 s": replay(replace(rules, down_window_s=60), world),
        "minimum 1": replay(replace(rules, least=1), world),
        "always the maximum": replay(replace(rules, least=rules.most), world),
        "callers ask one pod": replay(rules, replace(world, asked=1)),
    }
    print()
    for name, outcome in days.items():
        print(f"{name:20} {outcome}")
    return days


def test_hardly_anybody_waits(days: dict[str, Outcome]) -> None:
    """Of a day's sessions, bursts included, less than 1 % wait and less than 0.1 % are refused, for half the pods."""
    day = days["as in k8s/"]

    assert day.sessions > 15_000
    assert day.waited < 0.01 * day.sessions
    assert day.refused < 0.001 * day.sessions
    assert day.pod_hours < 0.5 * days["always the maximum"].pod_hours


@pytest.mark.parametrize("name", ["target 0.95", "up window 300 s", "down window 60 s"])
def test_other_values_keep_people_waiting(days: dict[str, Outcome], name: str) -> None:
    """A target near one lies within the autoscaler's tolerance; slow growth and fast shrinking meet the next burst."""
    assert days[name].waited + days[name].refused > 5 * (days["as in k8s/"].waited + days["as in k8s/"].refused)


def test_a_lower_target_costs_more_than_it_gives(days: dict[str, Outcome]) -> None:
    """At 0.6 a third more pods run for waits that are rare already."""
    assert days["target 0.6"].pod_hours > 1.25 * days["as in k8s/"].pod_hours


def test_one_pod_saves_little(days: dict[str, Outcome]) -> None:
    """A minimum of one refuses more, for a few pod hours less."""
    assert days["minimum 1"].refused > days["as in k8s/"].refused
    assert days["minimum 1"].pod_hours > 0.9 * days["as in k8s/"].pod_hours


def test_callers_that_ask_the_next_pod_wait_less(days: dict[str, Outcome]) -> None:
    """Capacity is per pod: one that is full has neighbours that are not."""
    assert days["callers ask one pod"].waited > 3 * days["as in k8s/"].waited


def test_growth_keeps_to_the_policy(rules: Rules) -> None:
    """Two pods a minute, whatever the load, and only when it lasts for the window."""
    scaler = Autoscaler(rules)
    counts, current = [], 2
    for second in range(0, 240, 15):
        current = scaler.decide(second, current, current, 1.0)
        counts.append(current)

    assert all(later - earlier <= rules.up_pods for earlier, later in zip(counts, counts[4:], strict=False))
    assert counts[-1] > 4


def test_a_day_is_the_same_every_time() -> None:
    """The arrivals depend on the seed alone."""
    world = World()

    assert sum(map(len, arrivals(world))) == sum(map(len, arrivals(world)))
    assert sum(1 for _ in arrivals(world)) == DAY_S
