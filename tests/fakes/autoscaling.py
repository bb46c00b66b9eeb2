"""A day of arrivals against the rules of an HPA v2, second by second.

What it takes from life: the autoscaler looks every 15 s at figures that are up to 30 s old, counts pods that are not
ready as idle, and keeps to window and policies; a new pod takes its time; callers choose a pod by turns, without
knowing whether it is full, and come back when RetryInfo says. Source of the rules: Kubernetes, "Horizontal Pod
Autoscaling".
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

DAY_S: Final = 86_400
SYNC_S: Final = 15
METRIC_AGE_S: Final = 30
TOLERANCE: Final = 0.1


@dataclass(frozen=True)
class Rules:
    """Of one autoscaler; policies are pods per `period_s`."""

    least: int
    most: int
    target: float
    up_window_s: int
    up_pods: int
    down_window_s: int
    down_pods: int
    period_s: int = 60

    @classmethod
    def of(cls, autoscaler: Mapping[str, Any]) -> Rules:
        """Reads an HPA's manifest whose first metric is the load of its pods."""
        spec = autoscaler["spec"]
        up, down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
        target = spec["metrics"][0]["pods"]["target"]["averageValue"]
        return cls(
            spec["minReplicas"],
            spec["maxReplicas"],
            float(target.removesuffix("m")) / 1000,
            up["stabilizationWindowSeconds"],
            up["policies"][0]["value"],
            down["stabilizationWindowSeconds"],
            down["policies"][0]["value"],
            up["policies"][0]["periodSeconds"],
        )


@dataclass(frozen=True)
class World:
    """What the rules have to cope with: sessions a second at the quietest and the busiest hour, and bursts.

    `burst_arrivals` sessions come within `burst_s`, so many times a day. A caller asks `asked` pods at a time and gives
    up after `patience_s`.
    """

    capacity: int = 4
    start_s: int = 60
    mean_session_s: float = 45.0
    quiet_per_s: float = 0.02
    busy_per_s: float = 0.45
    bursts: int = 8
    burst_arrivals: int = 12
    burst_s: int = 60
    patience_s: float = 30.0
    asked: int = 3
    seed: int = 6


@dataclass
class Outcome:
    """Sessions of a day: served at once, after waiting, or not at all; pod hours, and the most pods."""

    sessions: int = 0
    waited: int = 0
    refused: int = 0
    longest_wait_s: float = 0.0
    pod_hours: float = 0.0
    most_pods: int = 0

    def __str__(self) -> str:
        return (
            f"{self.sessions} sessions, {self.waited} waited (longest {self.longest_wait_s:.0f} s), "
            f"{self.refused} refused; {self.pod_hours:.0f} pod hours, {self.most_pods} pods at most"
        )


@dataclass
class Pod:
    """One that is ready from `ready_s` on; one that is going takes no new streams."""

    ready_s: int
    streams: int = 0
    is_going: bool = False


@dataclass(order=True)
class Caller:
    """One that came at `came_s` and asks again at `next_s`."""

    next_s: float
    came_s: float = field(compare=False)


def arrivals(world: World) -> Iterator[list[float]]:
    """Yields, for each second of the day, the lengths of the sessions that begin."""
    chance = random.Random(world.seed)
    starts = sorted(chance.randrange(DAY_S) for _ in range(world.bursts))
    for second in range(DAY_S):
        share = 0.5 - 0.5 * math.cos(2 * math.pi * second / DAY_S)
        rate = world.quiet_per_s + (world.busy_per_s - world.quiet_per_s) * share
        rate += sum(world.burst_arrivals / world.burst_s for start in starts if 0 <= second - start < world.burst_s)
        count = sum(chance.random() < rate / 4 for _ in range(4))
        yield [chance.expovariate(1 / world.mean_session_s) for _ in range(count)]


class Autoscaler:
    """Decides on a number of pods."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._wishes: deque[tuple[int, int]] = deque()
        self._changes: deque[tuple[int, int]] = deque()

    def decide(self, second: int, current: int, ready: int, load: float) -> int:
        """Returns the new number; `load` is the mean of the `ready` pods among `current`."""
        rules = self._rules
        ratio = load / rules.target
        wish = current
        if abs(ratio - 1) > TOLERANCE:
            wish = math.ceil(ready * ratio)
            if ratio > 1:
                # Pods that are on their way count as idle: what is coming is not asked for again.
                spread = load * ready / max(current, 1) / rules.target
                wish = math.ceil(current * spread) if spread > 1 + TOLERANCE else current
        wish = min(max(wish, rules.least), rules.most)
        self._wishes.append((second, wish))
        while self._wishes[0][0] < second - max(rules.up_window_s, rules.down_window_s):
            self._wishes.popleft()
        lowest = min(item for at_s, item in self._wishes if at_s >= second - rules.up_window_s)
        highest = max(item for at_s, item in self._wishes if at_s >= second - rules.down_window_s)
        while self._changes and self._changes[0][0] <= second - rules.period_s:
            self._changes.popleft()
        added = sum(change for _, change in self._changes if change > 0)
        removed = -sum(change for _, change in self._changes if change < 0)
        chosen = current
        if lowest > current:
            chosen = min(lowest, current + max(0, rules.up_pods - added))
        elif highest < current:
            chosen = max(highest, current - max(0, rules.down_pods - removed))
        if chosen != current:
            self._changes.append((second, chosen - current))
        return chosen


class Mesh:
    """Pods with places, and callers that look for one."""

    def __init__(self, world: World, count: int) -> None:
        self._world = world
        self._chance = random.Random(world.seed + 1)
        self.pods = [Pod(0) for _ in range(count)]
        self._ends: dict[int, list[Pod]] = {}
        self._callers: list[tuple[Caller, float]] = []
        self._turn = 0
        self.outcome = Outcome()

    def live(self, second: int) -> list[Pod]:
        return [pod for pod in self.pods if pod.ready_s <= second and not pod.is_going]

    def resize(self, second: int, count: int) -> None:
        staying = [pod for pod in self.pods if not pod.is_going]
        for _ in range(count - len(staying)):
            self.pods.append(Pod(second + self._world.start_s))
        # The cluster removes what is not ready first; streams of the others go on with their neighbours.
        by_worth = sorted(staying, key=lambda pod: (pod.ready_s <= second, pod.streams))
        for pod in by_worth[: max(0, len(staying) - count)]:
            pod.is_going = True

    def step(self, second: int, lengths: list[float]) -> None:
        for pod in self._ends.pop(second, ()):
            pod.streams -= 1
        self.pods = [pod for pod in self.pods if not pod.is_going or pod.streams]
        self._callers += [(Caller(second, second), length) for length in lengths]
        self.outcome.sessions += len(lengths)
        waiting, self._callers = self._callers, []
        for caller, length in sorted(waiting, key=lambda item: item[0]):
            if caller.next_s > second:
                self._callers.append((caller, length))
            else:
                self._try(second, caller, length)

    def _try(self, second: int, caller: Caller, length: float) -> None:
        live, waited_s = self.live(second), second - caller.came_s
        # By turns, as round_robin does; a client of ours asks so many pods before it waits.
        asked = [live[(self._turn + step) % len(live)] for step in range(self._world.asked)] if live else []
        self._turn += 1
        pod = next((item for item in asked if item.streams < self._world.capacity), None)
        if pod is not None:
            pod.streams += 1
            self._ends.setdefault(second + max(1, round(length)), []).append(pod)
            self.outcome.waited += waited_s > 0
            self.outcome.longest_wait_s = max(self.outcome.longest_wait_s, waited_s)
        elif waited_s >= self._world.patience_s:
            self.outcome.refused += 1
        else:
            # As Places.expected_wait_s has it, with a little spread.
            hint_s = min(max(self._world.mean_session_s / self._world.capacity, 1.0), 30.0)
            self._callers.append((Caller(second + hint_s * self._chance.uniform(0.2, 1.0), caller.came_s), length))


def replay(rules: Rules, world: World) -> Outcome:
    """Runs a day."""
    mesh, scaler = Mesh(world, rules.least), Autoscaler(rules)
    seen: deque[tuple[int, int, float]] = deque()
    for second, lengths in enumerate(arrivals(world)):
        mesh.step(second, lengths)
        live = mesh.live(second)
        current = sum(not pod.is_going for pod in mesh.pods)
        load = sum(pod.streams for pod in live) / (len(live) * world.capacity) if live else 0.0
        seen.append((second, len(live), load))
        while seen[0][0] < second - METRIC_AGE_S:
            seen.popleft()
        if second % SYNC_S == 0:
            _, ready, old_load = seen[0]
            mesh.resize(second, scaler.decide(second, current, ready, old_load))
        mesh.outcome.pod_hours += len(mesh.pods) / 3600
        mesh.outcome.most_pods = max(mesh.outcome.most_pods, len(mesh.pods))
    return mesh.outcome
