"""What the manifests say and what the code does are the same: settings, metrics, peers, protos, alerts, Tilt."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import yaml

from k8s.checks.__main__ import RULE_TESTS, findings
from k8s.checks.manifest import SERVICES, Manifest, name_of
from k8s.checks.render import OVERLAYS, overlay_names, render
from k8s.checks.rules import metrics, network, settings
from k8s.components.monitoring import dashboard
from visage.client import ClientSettings
from visage.runtime import telemetry
from visage.runtime.server import LIVE

pytestmark = pytest.mark.contract

ROOT = OVERLAYS.parents[1]

# Serves one call, refuses one, and prints what Prometheus reads.
EXPORT = """
import asyncio, urllib.request
import grpc
from fractions import Fraction
from visage.composition.measures import StreamMeters
from visage.composition.values import Summary
from visage.runtime import server, telemetry
from visage.runtime.admission import Admission
from visage.runtime.capacity import Places
from visage.runtime.errors import Overloaded
from visage.runtime.settings import ServiceSettings
from visage.animation.servicer import AnimationServicer
from visage.v1 import animation_service_pb2 as pb, animation_service_pb2_grpc as rpc

exporters = telemetry.configure("test", "", 0)

async def nothing():
    return {}

async def main():
    meters = StreamMeters()
    meters.first_frame.record(0.5)
    meters.gap.record(0.04)
    meters.skew.record(0.01, {telemetry.ATTRIBUTE_AHEAD: telemetry.AHEAD_SOUND})
    meters.watch().ready(Summary(1, Fraction(1, 25), 0.5, {"render": 0.1}))
    full = Admission(1, Places(0))
    try:
        async with full.admit(is_stream=True):
            pass
    except Overloaded:
        pass
    servicer = server.Servicer(rpc.add_AnimationServiceServicer_to_server, AnimationServicer(None, None, None), "a")
    parts = server.Parts("test", [servicer], nothing, nothing)
    async with server.start(parts, ServiceSettings(drain_wait_s=0)) as running:
        async with grpc.aio.insecure_channel(running.address) as channel:
            await rpc.AnimationServiceStub(channel).ListCurveSchemas(pb.ListCurveSchemasRequest())
    print(urllib.request.urlopen(f"http://127.0.0.1:{exporters.metrics_port}/metrics").read().decode())

asyncio.run(main())
exporters.close()
"""


@pytest.fixture(scope="module")
def overlays() -> dict[str, Manifest]:
    """Every overlay, rendered once."""
    return {name: render(OVERLAYS / name) for name in overlay_names()}


@pytest.fixture(scope="module")
def exported() -> str:
    """What a process of ours shows to Prometheus after a call, a refusal and a picture."""
    outcome = subprocess.run([sys.executable, "-c", EXPORT], capture_output=True, text=True, check=True, timeout=60)
    return outcome.stdout


def rules_of(overlays: dict[str, Manifest], kind: str) -> dict[str, dict[str, Any]]:
    """The production overlay's rules of a kind ("alert" or "record") by name."""
    groups = [group for item in overlays["production"].of("PrometheusRule") for group in item["spec"]["groups"]]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


def alerts(overlays: dict[str, Manifest]) -> dict[str, dict[str, Any]]:
    """The alerts of the production overlay by name."""
    return rules_of(overlays, "alert")


@pytest.mark.parametrize("name", overlay_names())
def test_an_overlay_keeps_to_schemas_and_rules(name: str, overlays: dict[str, Manifest]) -> None:
    """Nothing is found in what is committed."""
    assert list(findings(overlays[name], is_release=False)) == []


def test_unknown_digests_are_refused_for_a_release(overlays: dict[str, Manifest]) -> None:
    """The images that only a deployer knows are named until their digests are filled in."""
    found = "\n".join(findings(overlays["production"], is_release=True))

    for image in (*(f"visage/{service}" for service in SERVICES), "visage/models", "nvidia/tritonserver"):
        assert f"{image} is to be filled in" in found


def test_rules_know_exactly_the_series_that_are_exported(exported: str) -> None:
    """The list that manifests are held to is what the real exporter shows: no name less, and none invented."""
    names = {line.split("{")[0].split(" ")[0] for line in exported.splitlines() if not line.startswith("#")}
    own = {name for name in names if name.startswith(("visage_", "rpc_"))}

    assert own == metrics.exported()


def test_durations_have_bounds_around_the_objective(exported: str) -> None:
    """A first frame of 0.5 s is told from one of 0.7 s: the objective of 0.6 s is a bound of the histogram."""
    prefix = "visage_composition_time_to_first_frame_seconds_bucket{"
    counts = {
        line.split('le="')[1].split('"')[0]: float(line.split()[-1])
        for line in exported.splitlines()
        if line.startswith(prefix)
    }

    assert counts["0.6"] == 1
    assert counts["0.4"] == 0


def test_failures_are_labelled_as_the_alerts_expect(exported: str, overlays: dict[str, Manifest]) -> None:
    """What counts as a failure are names of gRPC's codes, and a call that went well is labelled OK, which is none."""
    line = next(line for line in exported.splitlines() if line.startswith("rpc_server_call_duration_seconds_count"))
    rule = rules_of(overlays, "record")["visage:call_failures:ratio"]
    failures = re.findall(r'rpc_response_status_code=~"([A-Z_|]+)"', rule["expr"])[0].split("|")

    assert 'rpc_response_status_code="OK"' in line
    assert set(failures) < {code.name for code in grpc.StatusCode} - {"OK"}


def test_every_service_of_the_protos_has_a_route(overlays: dict[str, Manifest]) -> None:
    """The gateway leads to each service of ours and of other people's protos, and to the long-running operations."""
    declared = set()
    for path in (ROOT / "protos").rglob("*.proto"):
        lines = path.read_text().splitlines()
        package = next(line.split()[1].rstrip(";") for line in lines if line.startswith("package "))
        declared |= {f"{package}.{line.split()[1]}" for line in lines if line.startswith("service ")}
    route = overlays["production"].of("GRPCRoute")[0]
    routed = {match["method"]["service"] for rule in route["spec"]["rules"] for match in rule["matches"]}

    assert routed == declared | {"google.longrunning.Operations"}


def test_edges_are_read_off_the_code() -> None:
    """What the network rule takes for the mesh's edges is the mesh that ARCHITECTURE.md draws."""
    edges = {service: set(network.peers(service)) for service in SERVICES}

    assert edges == {
        "identity": {"triton"},
        "speech": {"triton"},
        "animation": {"speech", "triton"},
        "composition": {"identity", "speech", "animation", "triton"},
    }


def test_every_alert_has_a_section_in_the_handbook(overlays: dict[str, Manifest]) -> None:
    """The runbook annotation of each alert names a heading that is there; no section is left of a former alert."""
    text = (ROOT / "docs" / "operations.md").read_text()
    sections = {line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")}

    assert sections == alerts(overlays).keys()
    for name, rule in alerts(overlays).items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"


def test_every_alert_has_a_unit_test(overlays: dict[str, Manifest]) -> None:
    """For each alert, promtool is told a case in which it fires."""
    tests = yaml.safe_load(RULE_TESTS.read_text())["tests"]
    fired = {item["alertname"] for test in tests for item in test["alert_rule_test"] if item["exp_alerts"]}

    assert fired == alerts(overlays).keys()


def test_the_limits_of_skew_are_those_of_the_code(overlays: dict[str, Manifest]) -> None:
    """The recorded share counts the histogram's buckets that end at the limits, so it is exact."""
    rule = rules_of(overlays, "record")["visage:av_skew_outside:ratio"]
    counted = re.findall(r'ahead="(\w+)",le="([\d.]+)"', rule["expr"])

    assert {ahead: float(limit) for ahead, limit in counted} == telemetry.SKEW_LIMITS_S
    assert set(telemetry.SKEW_LIMITS_S.values()) <= set(telemetry.SKEW_BUCKETS)


def test_the_dashboard_is_what_its_code_makes(overlays: dict[str, Manifest]) -> None:
    """dashboard.json is not edited by hand, and Grafana's sidecar gets it."""
    config = overlays["production"].find("ConfigMap", "visage-dashboard")

    assert dashboard.TARGET.read_text() == dashboard.text()
    assert config is not None
    assert json.loads(config["data"]["visage.json"]) == dashboard.dashboard()


def test_the_collector_pipelines_use_what_is_configured(overlays: dict[str, Manifest]) -> None:
    """Receivers, processors, exporters and extensions of every pipeline are defined, and none is idle."""
    maps = overlays["production"].of("ConfigMap")
    config = yaml.safe_load(next(item for item in maps if name_of(item).startswith("otel-col"))["data"]["config.yaml"])
    used: dict[str, set[str]] = {"extensions": set(config["service"]["extensions"])}
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            used.setdefault(kind, set()).update(names)

    assert used == {kind: set(config[kind]) for kind in ("receivers", "processors", "exporters", "extensions")}


@pytest.mark.parametrize(
    ("overlay", "flag"), [("production", "--trace-config=mode=opentelemetry"), ("cpu", "VISAGE_TRITON_SERVER_OTLP")]
)
def test_either_triton_is_told_where_its_spans_go(overlay: str, flag: str, overlays: dict[str, Manifest]) -> None:
    """The official server gets flags, the embedded one a setting; neither gets the other's."""
    server = [item.spec for item in overlays[overlay].containers() if item.workload == "Deployment/triton"][-1]
    is_official = server["command"] == ["tritonserver"]

    assert is_official == (overlay == "production")
    assert any(flag in text for text in [*server["args"], *(item["name"] for item in server["env"])])
    assert is_official or server["args"] == ["run", "--model-repository", "/models/model_repository"]


def test_models_are_verified_before_engines_are_built(overlays: dict[str, Manifest]) -> None:
    """Init containers run in order: the sums of the model volume come first."""
    order = [item.spec["name"] for item in overlays["production"].containers() if item.workload == "Deployment/triton"]

    assert order == ["verify-models", "engine-cache", "server"]


def test_every_setting_that_is_written_of_is_one() -> None:
    """README, handbook, protos, Dockerfile, Tiltfile and comments of manifests name no variable that nothing reads."""
    known = set().union(*(settings.known_names(process) for process in (*SERVICES, "triton")))
    known |= {f"VISAGE_{field.upper()}" for field in ClientSettings.model_fields} | {"VISAGE_MODEL_REPOSITORY"}
    written = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Tiltfile", "Makefile")]
    written += [path for folder in ("docs", "protos", "k8s") for path in (ROOT / folder).rglob("*.*") if path.is_file()]
    written += [ROOT / "services" / "Dockerfile"]
    names = {
        name
        for path in written
        if path.suffix in ("", ".md", ".proto", ".yaml", ".env", ".Dockerfile")
        for name in re.findall(r"\bVISAGE_[A-Z][A-Z0-9_]*[A-Z0-9]\b", path.read_text())
    }

    assert len(names) > 20
    assert names - known == set()


def tilt_assignments() -> dict[str, ast.expr]:
    """Top-level assignments of the Tiltfile, which is Starlark and therefore parses as Python."""
    tree = ast.parse((ROOT / "Tiltfile").read_text())
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_tilt_builds_the_services_of_the_mesh(overlays: dict[str, Manifest]) -> None:
    """Its one table has the four services with their ports and peers, and dev names the images that Tilt builds."""
    table = ast.literal_eval(tilt_assignments()["SERVICES"])
    images = {item.spec["image"] for item in overlays["dev"].containers()}

    assert {name: set(peers) for name, (_, peers) in table.items()} == {name: network.peers(name) for name in SERVICES}
    for name, (port, _) in table.items():
        service = overlays["dev"].find("Service", name)
        assert service is not None
        assert port in [item["port"] for item in service["spec"]["ports"]]
        assert f"visage-{name}" in images
    built = {image for image in images if image.startswith("visage-")}
    assert built == {f"visage-{name}" for name in table} | {"visage-triton-cpu"}


def test_tilt_opens_the_traces_of_dev(overlays: dict[str, Manifest]) -> None:
    """The link leads to the port of the viewer in dev, where services and Triton send their spans."""
    dev = overlays["dev"]
    service, mesh = dev.find("Service", "traces"), next(item for item in dev.of("ConfigMap") if "mesh" in name_of(item))
    assert service is not None
    ports = {item["name"]: item["port"] for item in service["spec"]["ports"]}
    viewer = ast.literal_eval(tilt_assignments()["TRACES"])
    triton = next(item.spec for item in dev.containers() if item.workload == "Deployment/triton" and not item.is_init)
    told = {item["name"]: item.get("value") for item in triton["env"]}

    assert urlsplit(viewer).port == ports["ui"]
    assert mesh["data"]["VISAGE_OTLP_ENDPOINT"] == f"http://traces:{ports['otlp-grpc']}"
    assert told["VISAGE_TRITON_SERVER_OTLP_TRACES_URL"] == f"http://traces:{ports['otlp-http']}/v1/traces"


def test_tilt_uses_nothing_that_starlark_lacks() -> None:
    """No imports, classes, exceptions, f-strings or while: what Python has and Starlark has not."""
    tree = ast.parse((ROOT / "Tiltfile").read_text())
    foreign = (
        ast.Import,
        ast.ImportFrom,
        ast.ClassDef,
        ast.Try,
        ast.While,
        ast.JoinedStr,
        ast.With,
        ast.Raise,
        ast.Set,
    )

    assert [ast.dump(node) for node in ast.walk(tree) if isinstance(node, foreign)] == []


def test_tilt_guards_the_contexts_it_may_use() -> None:
    """A Tilt that is started against a production cluster refuses."""
    tree = ast.parse((ROOT / "Tiltfile").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    guard = next(call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "allow_k8s_contexts")

    assert ast.literal_eval(guard.args[0])


def test_liveness_asks_for_a_name_that_health_knows(overlays: dict[str, Manifest]) -> None:
    """The probes of all services use the name under which health answers for the process alone."""
    probes = [
        item.spec["livenessProbe"]["grpc"]["service"]
        for item in overlays["production"].containers()
        if item.workload.removeprefix("Deployment/") in SERVICES
    ]

    assert probes == [LIVE] * len(SERVICES)
