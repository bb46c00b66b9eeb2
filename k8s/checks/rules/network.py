"""Network policies allow the edges of the mesh and no others. Which edges there are, the services' code says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from k8s.checks.manifest import SERVICES, Manifest, Object, labels_of_pods, name_of, pod_of, ports_of

SOURCES: Final = Path(__file__).resolve().parents[3] / "services" / "visage"
COLLECTOR: Final = "otel-collector"

_PEER: Final = re.compile(r"settings\.(?:(\w+)_address|(triton)_url)\b")
_ROUTED: Final = re.compile(
    r'"(visage\.v1\.\w+|nvidia\.riva\.tts\.\w+|nvidia_ace\.services\.[\w.]+|google\.longrunning\.\w+)"'
)
_SHARED: Final = {"asset_service": "visage.v1.AssetService", "operations_service": "google.longrunning.Operations"}
"""Services of the runtime, by the function that makes them."""
_STORE: Final = re.compile(r"settings\.store_url\b")


@cache
def peers(service: str) -> frozenset[str]:
    """Returns what a service calls: the addresses of its settings that its code reads."""
    return frozenset(first or second for first, second in _PEER.findall(_source(service)))


@cache
def uses_store(service: str) -> bool:
    """Whether a service opens the object store."""
    return bool(_STORE.search(_source(service)))


@cache
def served(service: str) -> frozenset[str]:
    """Returns the full names of the gRPC services that a service's process answers."""
    source = _source(service)
    shared = {name for call, name in _SHARED.items() if f"{call}(" in source}
    return frozenset({*_ROUTED.findall(source), *shared})


@cache
def _source(service: str) -> str:
    return "\n".join(path.read_text() for path in sorted((SOURCES / service).rglob("*.py")))


def check(manifest: Manifest) -> Iterator[str]:
    """Routes lead to who serves them; with network policies, allowed is what the mesh needs."""
    yield from _check_routes(manifest)
    policies = manifest.of("NetworkPolicy")
    if not policies:
        return
    if not any(_denies_all(policy) for policy in policies):
        yield "NetworkPolicy: nothing denies by default"
    deployments = manifest.of("Deployment")
    for caller, callee in product(deployments, deployments):
        if caller is callee:
            continue
        names = name_of(caller), name_of(callee)
        ports = set(ports_of(pod_of(callee)["containers"][0]).values())
        allowed = {port for port in ports if _is_allowed(policies, caller, callee, port)}
        needed = _needed(names, callee)
        for port in sorted(allowed - needed):
            yield f"NetworkPolicy: {names[0]} may call {names[1]}:{port}, and no code does"
        for port in sorted(needed - allowed):
            yield f"NetworkPolicy: {names[0]} calls {names[1]}:{port}, and may not"
    for service in deployments:
        reaches_out = _egress_blocks(policies, service)
        if name_of(service) in SERVICES and reaches_out != uses_store(name_of(service)):
            yield f"NetworkPolicy: {name_of(service)} {'may' if reaches_out else 'may not'} reach the object store"


def _check_routes(manifest: Manifest) -> Iterator[str]:
    for route in manifest.of("GRPCRoute"):
        for rule in route["spec"]["rules"]:
            for match, backend in product(rule["matches"], rule["backendRefs"]):
                name = match["method"]["service"]
                if backend["name"] not in SERVICES or name not in served(backend["name"]):
                    yield f"GRPCRoute/{name_of(route)}: {backend['name']} does not serve {name}"


def _denies_all(policy: Object) -> bool:
    spec = policy["spec"]
    is_empty = not spec.get("ingress") and not spec.get("egress")
    return spec.get("podSelector") == {} and set(spec["policyTypes"]) == {"Ingress", "Egress"} and is_empty


def _needed(names: tuple[str, str], callee: Object) -> set[int]:
    caller, called = names
    ports = ports_of(pod_of(callee)["containers"][0])
    if called == COLLECTOR:
        return {ports["otlp-grpc"], ports["otlp-http"]}
    return {ports["grpc"]} if caller in SERVICES and called in peers(caller) else set()


def _is_allowed(policies: Sequence[Object], caller: Object, callee: Object, port: int) -> bool:
    ports = ports_of(pod_of(callee)["containers"][0])
    goes = _permits(policies, "egress", caller, callee, port, ports)
    return goes and _permits(policies, "ingress", callee, caller, port, ports)


def _permits(
    policies: Sequence[Object], way: str, own: Object, other: Object, port: int, ports: Mapping[str, int]
) -> bool:
    """Whether some policy of `own` lets traffic through; without any policy for this way, all passes."""
    applying = [
        policy["spec"]
        for policy in policies
        if way.capitalize() in policy["spec"]["policyTypes"]
        and _matches(policy["spec"]["podSelector"], labels_of_pods(own))
    ]
    if not applying:
        return True
    ends = {"ingress": "from", "egress": "to"}
    return any(
        _names_port(rule, port, ports) and _names_pod(rule.get(ends[way]), labels_of_pods(other))
        for spec in applying
        for rule in spec.get(way, ())
    )


def _names_port(rule: Mapping[str, Any], port: int, ports: Mapping[str, int]) -> bool:
    if "ports" not in rule:
        return True
    numbers = {ports.get(item["port"], item["port"]) for item in rule["ports"] if item.get("protocol", "TCP") == "TCP"}
    return port in numbers


def _names_pod(ends: Sequence[Mapping[str, Any]] | None, labels: Mapping[str, str]) -> bool:
    """Whether a rule means pods of this namespace with these labels."""
    if not ends:
        return True
    return any("namespaceSelector" not in end and _matches(end.get("podSelector"), labels) for end in ends)


def _matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    if selector is None:
        return False
    equal = selector.get("matchLabels", {}).items() <= labels.items()
    expressions = selector.get("matchExpressions", ())
    return equal and all(item["operator"] == "In" and labels.get(item["key"]) in item["values"] for item in expressions)


def _egress_blocks(policies: Sequence[Object], deployment: Object) -> bool:
    """Whether a deployment may reach addresses outside the cluster."""
    labels = labels_of_pods(deployment)
    rules = [
        rule
        for policy in policies
        if _matches(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("egress", ())
    ]
    return any("ipBlock" in end for rule in rules for end in rule.get("to", ()))
