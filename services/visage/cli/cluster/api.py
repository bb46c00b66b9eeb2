"""What the cluster tells about Visage, through the official client; blocking calls, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from visage.cli.cluster.explain import Metric, Scaler

SELECTOR: Final = "app.kubernetes.io/part-of=visage"
NAME_LABEL: Final = "app.kubernetes.io/name"
METRICS_PORTS: Final = {"triton": 8002}
SERVICE_METRICS_PORT: Final = 9464

_LIMIT_S: Final = 10
_PAGE: Final = 200
_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_FACTORS: Final = {"m": 1e-3, "": 1.0, "k": 1e3, "Ki": 2**10, "Mi": 2**20}


@dataclass(frozen=True, slots=True)
class PodLoad:
    """A pod with its figures; None: its metrics cannot be read."""

    name: str
    app: str
    phase: str
    is_ready: bool
    restarts: int
    streams: float | None
    capacity: float | None
    queue_s: float | None


class Cluster:
    """Visage in one namespace."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._apps = client.AppsV1Api(api)
        self._core = client.CoreV1Api(api)
        self._scaling = client.AutoscalingV2Api(api)
        self._policy = client.PolicyV1Api(api)
        self._namespace = namespace

    def deployments(self) -> list[dict[str, Any]]:
        """Returns name, wanted and ready replicas of each deployment."""
        return [
            {
                "name": item.metadata.name,
                "replicas": item.spec.replicas or 0,
                "ready": (item.status.ready_replicas or 0) if item.status else 0,
            }
            for item in self._all(self._apps.list_namespaced_deployment)
        ]

    def pods(self) -> list[PodLoad]:
        """Returns all pods with what their metrics say."""
        return [self._load(pod) for pod in self._all(self._core.list_namespaced_pod)]

    def scalers(self) -> list[Scaler]:
        """Returns all autoscalers."""
        found = self._all(self._scaling.list_namespaced_horizontal_pod_autoscaler, selector="")
        return [scaler_of(item) for item in found]

    def evict(self, pod: str) -> None:
        """Asks for a pod's end, which its disruption budget may refuse.

        Raises:
            ApiException: 429 where the budget allows no pod to go now, 404 where there is no such pod.
        """
        body = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=self._namespace))
        self._core.create_namespaced_pod_eviction(pod, self._namespace, body, _request_timeout=_LIMIT_S)

    def _all(self, listing: Any, selector: str = SELECTOR) -> Iterator[Any]:
        token = None
        while True:
            page = listing(
                self._namespace, label_selector=selector, limit=_PAGE, _continue=token, _request_timeout=_LIMIT_S
            )
            yield from page.items
            token = page.metadata._continue
            if not token:
                return

    def _load(self, pod: Any) -> PodLoad:
        app = (pod.metadata.labels or {}).get(NAME_LABEL, "")
        status = pod.status
        conditions = {item.type: item.status for item in (status.conditions or ())}
        statuses = status.container_statuses or ()
        text = self._metrics(pod.metadata.name, METRICS_PORTS.get(app, SERVICE_METRICS_PORT))
        return PodLoad(
            pod.metadata.name,
            app,
            status.phase or "",
            conditions.get("Ready") == "True",
            sum(item.restart_count for item in statuses),
            _sum(text, "visage_active_streams"),
            _sum(text, "visage_stream_capacity"),
            _queue_s(text),
        )

    def _metrics(self, pod: str, port: int) -> str:
        try:
            answer = self._core.connect_get_namespaced_pod_proxy_with_path(
                f"{pod}:{port}", self._namespace, "metrics", _request_timeout=_LIMIT_S
            )
        except ApiException:
            return ""
        return str(answer)


def open_cluster(namespace: str, context: str | None) -> Cluster:
    """Returns the cluster of the kubeconfig, or of the pod that this runs in.

    Raises:
        ValueError: There is neither.
    """
    try:
        config.load_kube_config(context=context)
    except config.ConfigException as first:
        try:
            config.load_incluster_config()
        except config.ConfigException:
            raise ValueError(f"no cluster is known: {first}") from None
    return Cluster(client.ApiClient(), namespace)


def scaler_of(item: Any) -> Scaler:
    """Reads an autoscaler of the API."""
    status = item.status
    current = {metric.pods.metric.name: metric.pods.current for metric in status.current_metrics or () if metric.pods}
    metrics = []
    for metric in item.spec.metrics or ():
        if metric.pods is None:
            continue
        name = metric.pods.metric.name
        value = current.get(name)
        average = value.average_value if value is not None else None
        metrics.append(Metric(name, number(average) if average else None, number(metric.pods.target.average_value)))
    return Scaler(
        item.spec.scale_target_ref.name,
        status.current_replicas or 0,
        status.desired_replicas or 0,
        item.spec.min_replicas or 1,
        item.spec.max_replicas,
        metrics,
    )


def number(quantity: str) -> float:
    """Returns a quantity of the API ("800m", "2") as a number. Raises ValueError."""
    match = re.fullmatch(r"([0-9.]+)(m|k|Ki|Mi|)", quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity")
    return float(match[1]) * _FACTORS[match[2]]


def _samples(text: str, name: str) -> list[float]:
    matches = (_SAMPLE.match(line) for line in text.splitlines())
    return [float(match[3]) for match in matches if match and match[1] == name]


def _sum(text: str, name: str) -> float | None:
    found = _samples(text, name)
    return sum(found) if found else None


def _queue_s(text: str) -> float | None:
    """Mean seconds that a request has waited since Triton started."""
    waited_us, answered = _sum(text, "nv_inference_queue_duration_us"), _sum(text, "nv_inference_request_success")
    return None if waited_us is None else waited_us / 1e6 / answered if answered else 0.0
