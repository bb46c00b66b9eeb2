"""The cluster that renders run in: this pod's, or the kubeconfig's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kubernetes import client, config

from visage.composition.renders.kubernetes_jobs import KubernetesJobs
from visage.composition.renders.kubernetes_runner import LABEL, JobOptions, KubernetesRunner
from visage.composition.renders.store import RenderStore

_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def open_kubernetes_runner(store: RenderStore, namespace: str, options: JobOptions) -> KubernetesRunner:
    """Returns a runner; an empty namespace is this pod's own, and outside of one "visage".

    Raises:
        ValueError: Neither a pod's service account nor a kubeconfig leads to a cluster.
    """
    if not namespace:
        namespace = _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else "visage"
    return KubernetesRunner(store, KubernetesJobs(open_api(), namespace, LABEL), options)


def open_api() -> client.ApiClient:
    """Returns a connection to the cluster. Raises ValueError where none is known."""
    try:
        config.load_incluster_config()
    except config.ConfigException:
        try:
            config.load_kube_config()
        except config.ConfigException as error:
            raise ValueError(f"render_runner: no cluster is known here: {error}") from error
    return client.ApiClient()
