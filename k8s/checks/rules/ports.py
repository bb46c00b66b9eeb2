"""Ports agree: services, containers, probes, routes, and what the processes bind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from k8s.checks.manifest import SERVICES, Container, Manifest, name_of, pod_of, ports_of, title_of
from k8s.checks.rules.settings import service_settings
from visage.runtime.server import LIVE

PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")


def check(manifest: Manifest) -> Iterator[str]:
    """Probes ask open ports, Services reach them, and settings bind them."""
    for container in manifest.containers():
        # A Job's pod serves nothing: it has no probes.
        if not container.is_init and container.workload.startswith("Deployment/"):
            yield from _check_probes(container)
    yield from _check_services(manifest)
    yield from _check_bound(manifest)
    yield from _check_routes(manifest)


def _check_probes(container: Container) -> Iterator[str]:
    ports = ports_of(container.spec)
    for key in PROBES:
        probe = container.spec.get(key)
        if probe is None:
            yield f"{container.title}: no {key}"
            continue
        port = probe.get("grpc", probe.get("httpGet", {})).get("port")
        if port not in ports and port not in ports.values():
            yield f"{container.title}: {key} asks port {port}, which it does not open"
        name = probe.get("grpc", {}).get("service", "")
        if name not in ("", LIVE):
            yield f"{container.title}: {key} asks for the health of {name!r}, which no service answers"
        if key == "livenessProbe" and "grpc" in probe and name != LIVE:
            yield f"{container.title}: a missing model would restart it, since its livenessProbe asks for readiness"


def _check_services(manifest: Manifest) -> Iterator[str]:
    for service in manifest.of("Service"):
        chosen = manifest.selected(service["spec"].get("selector", {}))
        if len(chosen) != 1:
            yield f"{title_of(service)}: selects the pods of {len(chosen)} deployments"
            continue
        ports: dict[str, int] = {}
        for spec in pod_of(chosen[0])["containers"]:
            ports |= ports_of(spec)
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            number = ports.get(target) if isinstance(target, str) else target
            if number not in ports.values():
                yield f"{title_of(service)}: port {port['name']} leads to {target}, which no container opens"
            elif port["port"] != number:
                yield f"{title_of(service)}: port {port['port']} is {number} in the pod; clients use one number"


def _check_bound(manifest: Manifest) -> Iterator[str]:
    for deployment in manifest.of("Deployment"):
        if name_of(deployment) not in SERVICES:
            continue
        values = service_settings(manifest, deployment)
        if values is None:
            continue
        opened = ports_of(pod_of(deployment)["containers"][0])
        bound = {"grpc": values.port, "metrics": values.metrics_port}
        bound |= {"health": values.health_port} if values.health_port >= 0 else {}
        if opened != bound:
            yield f"{title_of(deployment)}: opens {opened}, its settings bind {bound}"
        if values.host.startswith("127."):
            yield f"{title_of(deployment)}: listens on loopback only"
        targets = (values.triton_url, values.identity_address, values.speech_address, values.animation_address)
        for target in targets:
            yield from _check_target(manifest, title_of(deployment), target)


def _check_target(manifest: Manifest, title: str, target: str) -> Iterator[str]:
    name, _, port = target.removeprefix("dns:///").partition(":")
    service = manifest.find("Service", name)
    numbers = [item["port"] for item in service["spec"]["ports"]] if service else []
    if int(port or 0) not in numbers:
        yield f"{title}: {target} is no port of a Service"
    elif service and service["spec"].get("clusterIP") != "None":
        yield f"{title}: {name} is not headless, so clients cannot balance"
    if not target.startswith("dns:///"):
        yield f"{title}: {target} is resolved once; dns:/// follows pods that come and go"


def _check_routes(manifest: Manifest) -> Iterator[str]:
    for route in manifest.of("GRPCRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                service = manifest.find("Service", backend["name"])
                if service is None or backend["port"] not in _grpc_ports(service):
                    yield f"{title_of(route)}: {backend['name']}:{backend['port']} is no gRPC port of a Service"


def _grpc_ports(service: Mapping[str, Any]) -> list[int]:
    return [port["port"] for port in service["spec"]["ports"] if port.get("appProtocol") == "kubernetes.io/h2c"]
