"""Pods leave without dropping calls, and rollouts fit the nodes.

A pod gets SIGTERM after preStop; then a service waits until endpoints have noticed, lets calls finish, and flushes its
telemetry. All of that must fit into the grace, or SIGKILL ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8s.checks.manifest import SERVICES, Manifest, Object, name_of, pod_of, title_of
from k8s.checks.rules.resources import GPU
from k8s.checks.rules.settings import read, service_settings, variables
from visage.runtime.triton.settings import LocalTritonSettings

LEAST_PRE_STOP_S: Final = 15
FLUSH_S: Final = 10.0
"""Seconds that telemetry and connections take to close."""
_EXIT_FLAG: Final = "--exit-timeout-secs="


def check(manifest: Manifest) -> Iterator[str]:
    """Graces are long enough; rolling updates can proceed."""
    for deployment in manifest.of("Deployment"):
        name = name_of(deployment)
        if name in SERVICES or name == "triton":
            yield from _check_grace(manifest, deployment)
        yield from _check_rollout(deployment)


def _check_grace(manifest: Manifest, deployment: Object) -> Iterator[str]:
    pod = pod_of(deployment)
    server = pod["containers"][0]
    pre_stop_s = server.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if pre_stop_s < LEAST_PRE_STOP_S:
        yield f"{title_of(deployment)}: preStop sleeps {pre_stop_s} s; endpoints need {LEAST_PRE_STOP_S} s to notice"
    leaving_s = _leaving_s(manifest, deployment)
    grace_s = pod.get("terminationGracePeriodSeconds", 30)
    if pre_stop_s + leaving_s + FLUSH_S > grace_s:
        yield (
            f"{title_of(deployment)}: leaving takes {pre_stop_s} + {leaving_s:g} + {FLUSH_S:g} s, "
            f"the grace is {grace_s} s"
        )


def _leaving_s(manifest: Manifest, deployment: Object) -> float:
    """Seconds from SIGTERM until the process has let its calls finish."""
    if name_of(deployment) in SERVICES:
        settings = service_settings(manifest, deployment)
        return settings.drain_wait_s + settings.drain_grace_s if settings else 0.0
    flags = pod_of(deployment)["containers"][0].get("args", ())
    flag = next((text for text in flags if str(text).startswith(_EXIT_FLAG)), None)
    if flag is not None:
        return float(flag.removeprefix(_EXIT_FLAG))
    values = {name: value for name, (value, _) in variables(manifest, deployment).items()}
    local = read(LocalTritonSettings, values)
    assert isinstance(local, LocalTritonSettings)
    return float(local.exit_timeout_s)


def _check_rollout(deployment: Object) -> Iterator[str]:
    strategy = deployment["spec"].get("strategy", {}).get("rollingUpdate", {})
    surge, unavailable = strategy.get("maxSurge"), strategy.get("maxUnavailable")
    requests = [item.get("resources", {}).get("requests", {}) for item in pod_of(deployment)["containers"]]
    if any(GPU in request for request in requests) and surge != 0:
        yield f"{title_of(deployment)}: a surge pod finds no free GPU and stays pending"
    if surge == 0 and unavailable == 0:
        yield f"{title_of(deployment)}: a rollout can neither add nor remove a pod"
    if surge is None or unavailable is None:
        yield f"{title_of(deployment)}: maxSurge and maxUnavailable are left to the cluster"
