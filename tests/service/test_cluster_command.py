"""`visage cluster` against an API server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from typer.testing import CliRunner

from visage.cli.__main__ import app

pytestmark = pytest.mark.service

METRICS = """
# HELP visage_active_streams
visage_active_streams{otel_scope_name="visage"} 3.0
visage_stream_capacity{otel_scope_name="visage"} 4.0
"""
QUEUES = """
nv_inference_queue_duration_us{model="renderer",version="1"} 30000
nv_inference_queue_duration_us{model="lip_sync",version="1"} 10000
nv_inference_request_success{model="renderer",version="1"} 3
nv_inference_request_success{model="lip_sync",version="1"} 1
"""


class Api(ThreadingHTTPServer):
    """Two deployments, three pods in pages of two, an autoscaler; evictions are refused as often as a test says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.evicted: list[str] = []
        self.refusals = 0
        self.scaler = "Pods"


class Handler(BaseHTTPRequestHandler):
    """Answers as little as the command asks for."""

    server: Api

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if "/proxy/v2/models/" in url.path:
            self._answer(200, "") if url.path.endswith("/renderer/ready") else self._answer(400, {"error": "not ready"})
        elif url.path.endswith("/proxy/metrics"):
            name = unquote(url.path).split("/pods/")[1].split("/")[0]
            self._answer(200, {"triton-a:8002": QUEUES, "composition-a:9464": METRICS}.get(name))
        elif url.path.endswith("/deployments"):
            self._answer(200, listed("DeploymentList", [deployment("composition", 2, 1), deployment("triton", 1, 1)]))
        elif url.path.endswith("/pods"):
            pods = [pod("composition-a", "composition"), pod("composition-b", "composition"), pod("triton-a", "triton")]
            start = int(query.get("continue", "0"))
            token = str(start + 2) if start + 2 < len(pods) else ""
            self._answer(200, listed("PodList", pods[start : start + 2], token))
        else:
            self._answer(200, listed("HorizontalPodAutoscalerList", [autoscaler(self.server.scaler)]))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.split("/pods/")[1].split("/")[0]
        if self.server.refusals:
            self.server.refusals -= 1
            self._answer(429, {"kind": "Status", "status": "Failure", "message": "budget", "code": 429})
            return
        self.server.evicted.append(name)
        self._answer(201, {"kind": "Status", "status": "Success"})

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: Any) -> None:
        data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(502 if body is None else status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def listed(kind: str, items: list[Any], token: str = "") -> dict[str, Any]:
    return {"kind": kind, "apiVersion": "v1", "metadata": {"continue": token}, "items": items}


def deployment(name: str, wanted: int, ready: int) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "server"}]}}
    spec = {"replicas": wanted, "selector": {}, "template": template}
    return {"metadata": {"name": name}, "spec": spec, "status": {"readyReplicas": ready}}


def pod(name: str, app_name: str) -> dict[str, Any]:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    labels = {"app.kubernetes.io/name": app_name}
    spec = {"containers": [{"name": "server"}]}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


def autoscaler(kind: str) -> dict[str, Any]:
    """As we make it, or as KEDA does: its metrics are external."""
    metric = {"name": "visage_stream_load" if kind == "Pods" else "s0-prometheus"}
    target = {"type": "AverageValue", "averageValue": "800m"}
    wanted = {"type": kind, kind.lower(): {"metric": metric, "target": target}}
    current = {"type": kind, kind.lower(): {"metric": metric, "current": {"averageValue": "1200000u"}}}
    return {
        "metadata": {"name": "composition"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "composition"},
            "minReplicas": 2,
            "maxReplicas": 12,
            "metrics": [wanted],
        },
        "status": {"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": [current]},
    }


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with Api() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        path = tmp_path / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(config))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
        yield server
        server.shutdown()


def run(*arguments: str) -> Any:
    outcome = CliRunner().invoke(app, ["--json", "cluster", *arguments])
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def test_status_shows_streams_and_queues(api: Api) -> None:
    """Every page of pods is read; figures come from the pods' metrics, and a pod that gives none is shown too."""
    found = run("status")
    by_name = {item["name"]: item for item in found["pods"]}

    assert {item["name"]: item["ready"] for item in found["deployments"]} == {"composition": 1, "triton": 1}
    assert (by_name["composition-a"]["streams"], by_name["composition-a"]["capacity"]) == (3.0, 4.0)
    assert by_name["composition-b"]["capacity"] is None
    assert by_name["triton-a"]["queue_s"] == pytest.approx(0.01)


def test_status_shows_which_models_are_ready(api: Api) -> None:
    """Each model that Triton has loaded is asked; the table counts them and names those that are not ready."""
    found = {item["name"]: item["models"] for item in run("status")["pods"]}
    table = CliRunner().invoke(app, ["cluster", "status"], env={"COLUMNS": "200"}).stdout

    assert found == {"composition-a": {}, "composition-b": {}, "triton-a": {"lip_sync": False, "renderer": True}}
    assert "1 of 2; not lip_sync" in table


@pytest.mark.parametrize(("kind", "name"), [("Pods", "visage_stream_load"), ("External", "s0-prometheus")])
def test_scale_explains_itself(api: Api, kind: str, name: str) -> None:
    """The metric, its figures and what comes of them are told, of autoscalers that KEDA made too."""
    api.scaler = kind
    found = run("scale", "--explain")[0]

    assert found["verdict"] == f"{name} wants 3"
    assert found["wishes"][0]["reason"] == "1.2 per pod, wanted 0.8: 2 x 1.50 = 3"


def test_drain_waits_for_the_disruption_budget(api: Api) -> None:
    """A refusal by the budget is waited out; then the pod is evicted."""
    api.refusals = 1

    assert run("drain", "composition-a") == {"evicted": "composition-a"}
    assert api.evicted == ["composition-a"]


def test_drain_says_why_it_gives_up(api: Api) -> None:
    """After its patience the command fails with one line."""
    api.refusals = 100
    outcome = CliRunner().invoke(app, ["--json", "cluster", "drain", "composition-a", "--patience", "0"])

    assert outcome.exit_code == 1
    assert api.evicted == []
