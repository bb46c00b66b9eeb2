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
TRITON: Final = "triton"
TRITON_HTTP_PORT: Final = 8000
METRICS_PORTS: Final = {TRITON: 8002}
SERVICE_METRICS_PORT: Final = 9464

_LIMIT_S: Final = 10
_PAGE: Final = 200
_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_MODEL: Final = re.compile(r'\bmodel="([^"]+)"')
_FACTORS: Final = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20}


@dataclass(frozen=True, slots=True)
class PodLoad:
    """A pod with its figures; None: its metrics cannot be read. `models`: of Triton's pods, which are ready."""

    name: str
    app: str
    phase: str
    is_ready: bool
    restarts: int
    streams: float | None
    capacity: float | None
    queue_s: float | None
    models: dict[str, bool]


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
        models = _models(text) if app == TRITON else []
        return PodLoad(
            pod.metadata.name,
            app,
            status.phase or "",
            conditions.get("Ready") == "True",
            sum(item.restart_count for item in statuses),
            _sum(text, "visage_active_streams"),
            _sum(text, "visage_stream_capacity"),
            _queue_s(text),
            {model: self._is_model_ready(pod.metadata.name, model) for model in models},
        )

    def _metrics(self, pod: str, port: int) -> str:
        return self._ask(pod, port, "metrics") or ""

    def _is_model_ready(self, pod: str, model: str) -> bool:
        return self._ask(pod, TRITON_HTTP_PORT, f"v2/models/{model}/ready") is not None

    def _ask(self, pod: str, port: int, path: str) -> str | None:
        """Returns what a pod answers, through the API server; None where it does not, or refuses."""
        try:
            answer = self._core.connect_get_namespaced_pod_proxy_with_path(
                f"{pod}:{port}", self._namespace, path, _request_timeout=_LIMIT_S
            )
        except ApiException:
            return None
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
    api = client.ApiClient()
    # The client would encode the slashes of a proxied path.
    api.configuration.safe_chars_for_path_param = "/"
    return Cluster(api, namespace)


def scaler_of(item: Any) -> Scaler:
    """Reads an autoscaler of the API."""
    status = item.status
    # Of pods with HPA and adapter, external with KEDA; both are a figure per pod.
    current = {source.metric.name: source.current for source in map(_source, status.current_metrics or ()) if source}
    metrics = []
    for source in map(_source, item.spec.metrics or ()):
        if source is None or not source.target.average_value:
            continue
        name = source.metric.name
        value = current.get(name)
        average = value.average_value if value is not None else None
        metrics.append(Metric(name, number(average) if average else None, number(source.target.average_value)))
    return Scaler(
        item.spec.scale_target_ref.name,
        status.current_replicas or 0,
        status.desired_replicas or 0,
        item.spec.min_replicas or 1,
        item.spec.max_replicas,
        metrics,
    )


def _source(metric: Any) -> Any:
    return metric.pods or metric.external


def number(quantity: str) -> float:
    """Returns a quantity of the API ("800m", "2") as a number. Raises ValueError."""
    match = re.fullmatch(r"([0-9.]+)(n|u|m|k|M|G|Ki|Mi|)", quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity")
    return float(match[1]) * _FACTORS[match[2]]


def _samples(text: str, name: str) -> list[float]:
    matches = (_SAMPLE.match(line) for line in text.splitlines())
    return [float(match[3]) for match in matches if match and match[1] == name]


def _sum(text: str, name: str) -> float | None:
    found = _samples(text, name)
    return sum(found) if found else None


def _models(text: str) -> list[str]:
    """Names of the models that Triton has loaded: each has a series from then on."""
    matches = (_SAMPLE.match(line) for line in text.splitlines())
    labels = [match[2] or "" for match in matches if match and match[1] == "nv_inference_request_success"]
    return sorted({name for text in labels for name in _MODEL.findall(text)})


def _queue_s(text: str) -> float | None:
    """Mean seconds that a request has waited since Triton started."""
    waited_us, answered = _sum(text, "nv_inference_queue_duration_us"), _sum(text, "nv_inference_request_success")
    return None if waited_us is None else waited_us / 1e6 / answered if answered else 0.0
