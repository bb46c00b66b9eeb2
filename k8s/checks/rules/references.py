"""What an object names is there: volumes, config maps, claims, accounts, classes, secrets.

Secrets are issued by a Certificate, or the handbook says how to make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from k8s.checks.manifest import Manifest, Object, name_of, pod_of, title_of

HANDBOOK: Final = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


_CLUSTER_WIDE: Final = {"Namespace", "PriorityClass"}


def check(manifest: Manifest) -> Iterator[str]:
    """Every reference of a pod leads somewhere, and all objects stand in the one namespace."""
    namespaces = {name_of(item) for item in manifest.of("Namespace")}
    issued = {item["spec"]["secretName"] for item in manifest.of("Certificate")}
    for item in manifest.objects:
        if item["kind"] not in _CLUSTER_WIDE and item["metadata"].get("namespace") not in namespaces:
            yield f"{title_of(item)}: its namespace {item['metadata'].get('namespace')} is not the mesh's"
    for deployment in manifest.workloads():
        for kind, name in _references(deployment):
            if kind == "Secret":
                if name not in issued and f"`{name}`" not in _handbook():
                    yield f"{title_of(deployment)}: docs/operations.md does not say how to make the secret {name}"
            elif manifest.find(kind, name) is None:
                yield f"{title_of(deployment)}: there is no {kind} {name}"
        yield from _check_mounts(deployment)


@cache
def _handbook() -> str:
    return HANDBOOK.read_text()


def _references(deployment: Object) -> Iterator[tuple[str, str]]:
    pod = pod_of(deployment)
    yield "ServiceAccount", str(pod.get("serviceAccountName", "default"))
    if "priorityClassName" in pod:
        yield "PriorityClass", pod["priorityClassName"]
    for volume in pod.get("volumes", ()):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for spec in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        for source in spec.get("envFrom", ()):
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]
            if "secretRef" in source:
                yield "Secret", source["secretRef"]["name"]
        for variable in spec.get("env", ()):
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            if key:
                yield "Secret", key["name"]


def _check_mounts(deployment: Object) -> Iterator[str]:
    pod = pod_of(deployment)
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    mounted = set()
    for spec in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        names = {mount["name"] for mount in spec.get("volumeMounts", ())}
        mounted |= names
        for name in sorted(names - volumes):
            yield f"{title_of(deployment)} container {spec['name']}: mounts {name}, which is no volume"
    for name in sorted(volumes - mounted):
        yield f"{title_of(deployment)}: volume {name} is mounted nowhere"
