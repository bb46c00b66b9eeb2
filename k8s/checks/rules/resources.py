"""Requests and limits: what the scheduler needs to know, and memory that one pod cannot take from others.

No limits of CPU: throttling would show as gaps between frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from k8s.checks.manifest import Manifest, pod_of, quantity, title_of

GPU: Final = "nvidia.com/gpu"


def check(manifest: Manifest) -> Iterator[str]:
    """Requests of CPU and memory, a limit of memory, and memory volumes that fit into it."""
    for container in manifest.containers():
        resources = container.spec.get("resources", {})
        for problem in _problems(resources.get("requests", {}), resources.get("limits", {})):
            yield f"{container.title}: {problem}"
    for deployment in manifest.workloads():
        pod = pod_of(deployment)
        limits = [item.get("resources", {}).get("limits", {}).get("memory", "0") for item in pod.get("containers", ())]
        memory = sum(quantity(limit) for limit in limits)
        for volume in pod.get("volumes", ()):
            folder = volume.get("emptyDir")
            if folder is not None and "sizeLimit" not in folder:
                yield f"{title_of(deployment)}: volume {volume['name']} has no size limit"
            elif folder and folder.get("medium") == "Memory" and quantity(folder["sizeLimit"]) >= memory:
                yield f"{title_of(deployment)}: volume {volume['name']} takes all memory of the pod"


def _problems(requests: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[str]:
    for resource in ("cpu", "memory"):
        if resource not in requests:
            yield f"requests no {resource}"
    if "memory" not in limits:
        yield "has no limit of memory"
    for resource in requests.keys() & limits.keys():
        if quantity(requests[resource]) > quantity(limits[resource]):
            yield f"requests more {resource} than its limit"
    if requests.get(GPU) != limits.get(GPU):
        yield "requests and limits of GPUs differ"
