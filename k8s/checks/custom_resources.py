"""Schemas of the custom resources in use: the fields that k8s/ needs and no others, so that a typo is an error.

Written from the published definitions: Prometheus operator v1 (ServiceMonitor, PrometheusRule), Gateway API v1
(GRPCRoute), KEDA v1alpha1 (ScaledObject), cert-manager v1 (Issuer, Certificate). A field that is valid there and
missing here is added when it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_DURATION: Final[Schema] = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$"}
_LABELS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}


def _fields(required: Sequence[str] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _listed(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def _resource(spec: Schema) -> Schema:
    metadata = _fields(["name"], name=_TEXT, namespace=_TEXT, labels=_LABELS, annotations=_LABELS)
    return _fields(
        ["apiVersion", "kind", "metadata", "spec"], apiVersion=_TEXT, kind=_TEXT, metadata=metadata, spec=spec
    )


_SELECTOR = _fields(matchLabels=_LABELS)

_SERVICE_MONITOR = _fields(
    ["selector", "endpoints"],
    selector=_SELECTOR,
    namespaceSelector=_fields(matchNames=_listed(_TEXT)),
    endpoints=_listed(_fields(["port"], port=_TEXT, path=_TEXT, interval=_DURATION, scrapeTimeout=_DURATION)),
)

_RULE: Final[Schema] = {
    **_fields(
        ["expr"],
        record={"type": "string", "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$"},
        alert=_TEXT,
        expr=_TEXT,
        labels=_LABELS,
        annotations=_LABELS,
        **{"for": _DURATION, "keep_firing_for": _DURATION},
    ),
    "oneOf": [{"required": ["record"]}, {"required": ["alert"]}],
}

_PROMETHEUS_RULE = _fields(
    ["groups"], groups=_listed(_fields(["name", "rules"], name=_TEXT, interval=_DURATION, rules=_listed(_RULE)))
)

_GRPC_ROUTE = _fields(
    ["parentRefs", "rules"],
    parentRefs=_listed(_fields(["name"], name=_TEXT, namespace=_TEXT, sectionName=_TEXT, port=_COUNT)),
    hostnames=_listed(_TEXT),
    rules=_listed(
        _fields(
            ["matches", "backendRefs"],
            matches=_listed(
                _fields(
                    ["method"],
                    method=_fields(
                        type={"enum": ["Exact", "RegularExpression"]},
                        service=_TEXT,
                        method=_TEXT,
                    ),
                    headers=_listed(_fields(["name", "value"], name=_TEXT, value=_TEXT, type=_TEXT)),
                )
            ),
            backendRefs=_listed(_fields(["name", "port"], name=_TEXT, port=_COUNT, weight=_COUNT)),
        )
    ),
)

_POLICIES = _listed(
    _fields(["type", "value", "periodSeconds"], type={"enum": ["Pods", "Percent"]}, value=_COUNT, periodSeconds=_COUNT)
)
_SCALING = _fields(
    stabilizationWindowSeconds=_COUNT, selectPolicy={"enum": ["Max", "Min", "Disabled"]}, policies=_POLICIES
)

_SCALED_OBJECT = _fields(
    ["scaleTargetRef", "triggers"],
    scaleTargetRef=_fields(["name"], apiVersion=_TEXT, kind=_TEXT, name=_TEXT),
    pollingInterval=_COUNT,
    cooldownPeriod=_COUNT,
    minReplicaCount=_COUNT,
    maxReplicaCount=_COUNT,
    advanced=_fields(horizontalPodAutoscalerConfig=_fields(behavior=_fields(scaleUp=_SCALING, scaleDown=_SCALING))),
    triggers=_listed(
        _fields(
            ["type", "metadata"],
            type={"const": "prometheus"},
            name=_TEXT,
            metricType={"enum": ["AverageValue", "Value"]},
            metadata=_fields(
                ["serverAddress", "query", "threshold"],
                serverAddress=_TEXT,
                query=_TEXT,
                threshold={"type": "string", "pattern": "^[0-9.]+$"},
                activationThreshold={"type": "string", "pattern": "^[0-9.]+$"},
            ),
        )
    ),
)

# cert-manager takes durations in Go's notation, which has no days.
_GO_DURATION: Final[Schema] = {"type": "string", "pattern": "^([0-9]+(h|m|s))+$"}

_ISSUER: Final[Schema] = {
    **_fields(selfSigned=_fields(), ca=_fields(["secretName"], secretName=_TEXT)),
    "minProperties": 1,
    "maxProperties": 1,
}

_CERTIFICATE = _fields(
    ["secretName", "issuerRef"],
    commonName={"type": "string", "maxLength": 64},
    secretName=_TEXT,
    duration=_GO_DURATION,
    renewBefore=_GO_DURATION,
    isCA={"type": "boolean"},
    dnsNames=_listed(_TEXT),
    usages=_listed({"enum": ["digital signature", "key encipherment", "server auth", "client auth", "cert sign"]}),
    privateKey=_fields(
        algorithm={"enum": ["RSA", "ECDSA", "Ed25519"]},
        size=_COUNT,
        encoding={"enum": ["PKCS1", "PKCS8"]},
        rotationPolicy={"enum": ["Never", "Always"]},
    ),
    issuerRef=_fields(["name"], name=_TEXT, kind={"enum": ["Issuer", "ClusterIssuer"]}, group=_TEXT),
)

CUSTOM_RESOURCES: Final = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _resource(_SERVICE_MONITOR),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _resource(_PROMETHEUS_RULE),
    ("gateway.networking.k8s.io/v1", "GRPCRoute"): _resource(_GRPC_ROUTE),
    ("keda.sh/v1alpha1", "ScaledObject"): _resource(_SCALED_OBJECT),
    ("cert-manager.io/v1", "Issuer"): _resource(_ISSUER),
    ("cert-manager.io/v1", "Certificate"): _resource(_CERTIFICATE),
}
"""(apiVersion, kind) → JSON Schema."""
