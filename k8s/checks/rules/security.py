"""PodSecurity restricted, and beyond: read-only roots, no tokens, no secrets in manifests.

Source: Kubernetes' Pod Security Standards, profile "restricted"; image volumes are part of it since 1.33.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from k8s.checks.manifest import Manifest, Object, pod_of, title_of

VOLUMES: Final = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SECRET_NAME: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL")


def check(manifest: Manifest) -> Iterator[str]:
    """Namespace, accounts, pods and containers keep to the restricted profile."""
    for namespace in manifest.of("Namespace"):
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{title_of(namespace)}: PodSecurity restricted is not enforced"
    for account in manifest.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{title_of(account)}: mounts its token"
    for secret in manifest.of("Secret"):
        yield f"{title_of(secret)}: secrets are made in the cluster and named here"
    for deployment in manifest.workloads():
        yield from _check_pod(deployment)
    for container in manifest.containers():
        for problem in _container_problems(container.spec):
            yield f"{container.title}: {problem}"


def _check_pod(deployment: Object) -> Iterator[str]:
    pod = pod_of(deployment)
    context = pod.get("securityContext", {})
    expected = {
        "automountServiceAccountToken is not false": pod.get("automountServiceAccountToken") is False,
        "enableServiceLinks is not false": pod.get("enableServiceLinks") is False,
        "may run as root": context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0,
        "has no RuntimeDefault seccomp profile": context.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "shares namespaces of the host": not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
    }
    for problem, is_met in expected.items():
        if not is_met:
            yield f"{title_of(deployment)}: {problem}"
    for volume in pod.get("volumes", ()):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"{title_of(deployment)}: volume {volume['name']} is of a kind that is not allowed: {sorted(kinds)}"


def _container_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    context = spec.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    expected = {
        "may escalate privileges": context.get("allowPrivilegeEscalation") is False,
        "is privileged": not context.get("privileged"),
        "has a writable root": context.get("readOnlyRootFilesystem") is True,
        "keeps capabilities": capabilities.get("drop") == ["ALL"] and not capabilities.get("add"),
        "runs as root": context.get("runAsUser", 1) > 0 and context.get("runAsNonRoot", True) is True,
        "chooses a seccomp profile of its own": "seccompProfile" not in context,
    }
    yield from (problem for problem, is_met in expected.items() if not is_met)
    for variable in spec.get("env", ()):
        if _SECRET_NAME.search(variable["name"]) and "value" in variable:
            yield f"{variable['name']} is a secret in clear"
