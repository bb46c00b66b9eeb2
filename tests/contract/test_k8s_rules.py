"""Each rule over the manifests catches a manifest that breaks it."""

from __future__ import annotations

import pytest

from k8s.checks.manifest import Manifest
from k8s.checks.render import OVERLAYS, render
from k8s.checks.rules import RULES
from tests.fakes.manifest_draft import SCALED_OBJECT, Draft, Edit, append, pod, server, thing, volume

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def production() -> Manifest:
    """The production overlay, rendered once."""
    return render(OVERLAYS / "production")


SECRET = "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: visage}, stringData: {admin-key: abc}}"
CALL_IDENTITY = {
    "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "identity"}}}],
    "ports": [{"port": 50051}],
}
FROM_SPEECH = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "speech"}}}


def let_speech_call_identity(draft: Draft) -> None:
    draft.get("NetworkPolicy", "speech")["spec"]["egress"].append(CALL_IDENTITY)
    draft.get("NetworkPolicy", "identity")["spec"]["ingress"][0]["from"].append(FROM_SPEECH)


CASES: list[tuple[str, Edit, str]] = [
    # images
    ("images", server("speech", "visage/speech:latest", "image"), "'visage/speech:latest' has no digest"),
    ("images", volume("triton", "models", "models:1", "image", "reference"), "'models:1' has no digest"),
    # security
    ("security", thing("Namespace", "visage", {}, "metadata", "labels"), "restricted is not enforced"),
    (
        "security",
        thing("PodTemplate", "render", 0, "template", "spec", "securityContext", "runAsUser"),
        "may run as root",
    ),
    ("security", thing("ServiceAccount", "speech", True, "automountServiceAccountToken"), "mounts its token"),
    ("security", lambda draft: draft.add(SECRET), "Secret/a"),
    ("security", pod("speech", True, "automountServiceAccountToken"), "automountServiceAccountToken is not false"),
    ("security", pod("speech", True, "enableServiceLinks"), "enableServiceLinks is not false"),
    ("security", pod("speech", 0, "securityContext", "runAsUser"), "may run as root"),
    ("security", pod("speech", {}, "securityContext", "seccompProfile"), "no RuntimeDefault seccomp"),
    ("security", pod("speech", True, "hostNetwork"), "shares namespaces of the host"),
    ("security", pod("speech", {"name": "scratch", "hostPath": {"path": "/"}}, "volumes", 0), "not allowed"),
    ("security", server("speech", True, "securityContext", "allowPrivilegeEscalation"), "escalate"),
    ("security", server("speech", True, "securityContext", "privileged"), "is privileged"),
    ("security", server("speech", False, "securityContext", "readOnlyRootFilesystem"), "writable root"),
    ("security", server("speech", ["SYS_PTRACE"], "securityContext", "capabilities", "add"), "keeps capabilities"),
    ("security", server("speech", 0, "securityContext", "runAsUser"), "runs as root"),
    ("security", server("speech", [{"name": "API_TOKEN", "value": "x"}], "env"), "API_TOKEN is a secret in clear"),
    # resources
    ("resources", server("speech", {}, "resources", "limits"), "no limit of memory"),
    ("resources", server("speech", {"memory": "1Gi"}, "resources", "requests"), "requests no cpu"),
    ("resources", server("speech", "2Gi", "resources", "requests", "memory"), "more memory than its limit"),
    (
        "resources",
        thing("PodTemplate", "render", {}, "template", "spec", "containers", 0, "resources"),
        "PodTemplate/render container render: requests no cpu",
    ),
    ("resources", server("triton", "2", "resources", "requests", "nvidia.com/gpu"), "GPUs differ"),
    ("resources", pod("speech", {}, "volumes", 0, "emptyDir"), "has no size limit"),
    ("resources", volume("triton", "shared-memory", "16Gi", "emptyDir", "sizeLimit"), "takes all memory of the pod"),
    # ports
    ("ports", server("speech", 50053, "readinessProbe", "grpc", "port"), "asks port 50053"),
    ("ports", server("speech", "alive", "livenessProbe", "grpc", "service"), "health of 'alive'"),
    ("ports", server("speech", {"grpc": {"port": 50052}}, "livenessProbe"), "a missing model would restart it"),
    ("ports", lambda draft: draft.server("speech").pop("startupProbe"), "no startupProbe"),
    ("ports", thing("Service", "speech", "grcp", "spec", "ports", 0, "targetPort"), "leads to grcp"),
    ("ports", thing("Service", "speech", 50060, "spec", "ports", 0, "port"), "clients use one number"),
    ("ports", thing("Service", "speech", {"app.kubernetes.io/name": "x"}, "spec", "selector"), "of 0 deployments"),
    ("ports", thing("Service", "speech", "10.0.0.1", "spec", "clusterIP"), "speech is not headless"),
    ("ports", server("speech", 50099, "ports", 0, "containerPort"), "its settings bind"),
    ("ports", thing("ConfigMap", "mesh-", "127.0.0.1", "data", "VISAGE_HOST"), "loopback only"),
    ("ports", thing("ConfigMap", "mesh-", "triton:8001", "data", "VISAGE_TRITON_URL"), "is resolved once"),
    ("ports", thing("ConfigMap", "mesh-", "dns:///tritn:8001", "data", "VISAGE_TRITON_URL"), "no port of a Service"),
    (
        "ports",
        thing("GRPCRoute", "visage", 9464, "spec", "rules", 0, "backendRefs", 0, "port"),
        "identity:9464 is no gRPC port",
    ),
    # settings
    ("settings", thing("ConfigMap", "speech-", "2", "data", "VISAGE_SPEECH_PROCESES"), "no setting of speech"),
    ("settings", thing("ConfigMap", "mesh-", "2", "data", "VISAGE_HOSTS"), "VISAGE_HOSTS is no setting"),
    ("settings", thing("ConfigMap", "speech-", "1", "data", "VISAGE_IDENTITY_PORT"), "no setting of speech"),
    ("settings", thing("ConfigMap", "mesh-", "abc", "data", "VISAGE_DRAIN_GRACE_S"), "SpeechSettings.drain_grace_s"),
    ("settings", server("otel-collector", [{"name": "VISAGE_PORT", "value": "1"}], "env"), "no service of ours"),
    # lifecycle
    ("lifecycle", server("speech", 1, "lifecycle", "preStop", "sleep", "seconds"), "preStop sleeps 1 s"),
    ("lifecycle", pod("speech", 50, "terminationGracePeriodSeconds"), "the grace is 50 s"),
    ("lifecycle", thing("ConfigMap", "mesh-", "200", "data", "VISAGE_DRAIN_GRACE_S"), "15 + 205 + 10 s"),
    ("lifecycle", server("triton", "--exit-timeout-secs=110", "args", 5), "15 + 110 + 10 s"),
    (
        "lifecycle",
        thing("Deployment", "triton", 1, "spec", "strategy", "rollingUpdate", "maxSurge"),
        "finds no free GPU",
    ),
    (
        "lifecycle",
        thing("Deployment", "triton", 0, "spec", "strategy", "rollingUpdate", "maxUnavailable"),
        "neither add nor remove",
    ),
    ("lifecycle", thing("Deployment", "speech", {}, "spec", "strategy"), "left to the cluster"),
    # scaling
    ("scaling", thing("HorizontalPodAutoscaler", "speech", 9, "spec", "minReplicas"), "9 is above its maximum 6"),
    ("scaling", thing("HorizontalPodAutoscaler", "speech", 1, "spec", "minReplicas"), "its minimum is 1"),
    ("scaling", thing("HorizontalPodAutoscaler", "speech", "x", "spec", "scaleTargetRef", "name"), "no Deployment x"),
    ("scaling", thing("Deployment", "speech", 2, "spec", "replicas"), "spec.replicas resets"),
    ("scaling", lambda draft: draft.add(SCALED_OBJECT), "2 autoscalers would fight"),
    ("scaling", lambda draft: draft.remove("HorizontalPodAutoscaler", "speech"), "neither replicas nor an autoscaler"),
    ("scaling", lambda draft: draft.remove("PodDisruptionBudget", "speech"), "0 disruption budgets"),
    ("scaling", thing("PodDisruptionBudget", "speech", 2, "spec", "maxUnavailable"), "maxUnavailable 2 of 2 pods"),
    ("scaling", thing("PodDisruptionBudget", "speech", "x", "spec", "unhealthyPodEvictionPolicy"), "block the drain"),
    ("scaling", thing("PodDisruptionBudget", "speech", {}, "spec", "selector", "matchLabels"), "guards no deployment"),
    (
        "scaling",
        thing(
            "HorizontalPodAutoscaler",
            "speech",
            "12800m",
            *("spec", "metrics", 0, "pods", "target", "averageValue"),
        ),
        "scales at 12.8 of the streams that a pod carries; it must be 0.8",
    ),
    (
        "scaling",
        thing("HorizontalPodAutoscaler", "speech", "calls", "spec", "metrics", 0, "pods", "metric", "name"),
        "scales at None of the streams",
    ),
    # references
    ("references", pod("speech", "speach", "serviceAccountName"), "no ServiceAccount speach"),
    ("references", pod("speech", "high", "priorityClassName"), "no PriorityClass high"),
    ("references", server("speech", [{"configMapRef": {"name": "mesh"}}], "envFrom"), "no ConfigMap mesh"),
    ("references", server("speech", [{"secretRef": {"name": "other"}}], "envFrom"), "make the secret other"),
    ("references", lambda draft: draft.remove("PersistentVolumeClaim"), "no PersistentVolumeClaim triton-engines"),
    ("references", server("speech", "scrtch", "volumeMounts", 0, "name"), "mounts scrtch, which is no volume"),
    ("references", thing("Service", "speech", "default", "metadata", "namespace"), "its namespace default"),
    # network
    ("network", lambda draft: draft.remove("NetworkPolicy", "default-deny"), "nothing denies by default"),
    ("network", lambda draft: draft.remove("NetworkPolicy", "animation"), "animation calls speech:50052, and may not"),
    ("network", let_speech_call_identity, "speech may call identity:50051, and no code does"),
    (
        "network",
        append("NetworkPolicy", "animation", {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}, "spec", "egress"),
        "animation may reach the object store",
    ),
    (
        "network",
        thing("GRPCRoute", "visage", "speech", "spec", "rules", 3, "backendRefs", 0, "name"),
        "speech does not serve visage.v1.CompositionService",
    ),
    # metrics
    (
        "metrics",
        thing("PrometheusRule", "visage", "rate(visage_frames_total[5m])", "spec", "groups", 0, "rules", 0, "expr"),
        "nobody makes the series visage_frames_total",
    ),
    (
        "metrics",
        thing("HorizontalPodAutoscaler", "speech", "streams", "spec", "metrics", 0, "pods", "metric", "name"),
        "the adapter offers no metric streams",
    ),
    ("metrics", lambda draft: draft.remove("ServiceMonitor"), "scraped by nobody"),
    (
        "metrics",
        lambda draft: draft.add(SCALED_OBJECT.replace(":stream_load:", ":streams_load:")),
        "nobody makes the series visage:streams_load:ratio",
    ),
]


@pytest.mark.parametrize(("rule", "edit", "expected"), CASES, ids=[f"{rule}-{text}" for rule, _, text in CASES])
def test_a_rule_catches_what_breaks_it(rule: str, edit: Edit, expected: str, production: Manifest) -> None:
    """The finding names what is wrong; without the edit there is none."""
    draft = Draft(production)
    edit(draft)
    found = list(RULES[rule](draft.manifest()))

    assert any(expected in finding for finding in found), found
    assert list(RULES[rule](production)) == []


@pytest.fixture(scope="module")
def secured() -> Manifest:
    """The production overlay with TLS, rendered once."""
    return render(OVERLAYS / "production-mtls")


def drop_usage(draft: Draft) -> None:
    draft.get("Certificate", "speech")["spec"]["usages"].remove("client auth")


def speak_plaintext(draft: Draft) -> None:
    """Takes the shared settings from one service."""
    draft.server("speech")["envFrom"] = draft.server("speech")["envFrom"][1:]


def call_triton_plainly(draft: Draft) -> None:
    del draft.get("ConfigMap", "mesh-")["data"]["VISAGE_TRITON_TLS_CA_FILE"]


TLS_CASES: list[tuple[str, Edit, str]] = [
    ("certificates", thing("Certificate", "speech", "other", "spec", "issuerRef", "name"), "no Issuer other"),
    ("certificates", thing("Issuer", "visage-ca", "other", "spec", "ca", "secretName"), "makes the secret other"),
    ("certificates", thing("Certificate", "speech", ["x"], "spec", "dnsNames"), "is not for speech"),
    ("certificates", thing("Certificate", "triton", ["x"], "spec", "dnsNames"), "is not for triton"),
    ("certificates", drop_usage, "Certificate/speech lacks the usage client auth"),
    ("certificates", volume("speech", "tls", "x", "secret", "secretName"), "in no mounted secret"),
    (
        "certificates",
        thing("ConfigMap", "mesh-", "/etc/visage/tls/tls.pem", "data", "VISAGE_TLS_CERT_FILE"),
        "tls.pem is none of",
    ),
    ("certificates", server("speech", 50052, "readinessProbe", "grpc", "port"), "asks port 50052, and knows no TLS"),
    ("certificates", speak_plaintext, "Deployment/speech: speaks plaintext"),
    ("certificates", call_triton_plainly, "calls Triton without TLS"),
    ("certificates", server("triton", [], "args"), "calls Triton with TLS"),
    ("ports", server("speech", 50051, "ports", 0, "containerPort"), "its settings bind"),
    ("references", lambda draft: draft.remove("Certificate", "speech"), "make the secret speech-tls"),
    (
        "settings",
        thing("ConfigMap", "speech-", "/a", "data", "VISAGE_SPEECH_TLS_KEYFILE"),
        "VISAGE_SPEECH_TLS_KEYFILE is no setting",
    ),
]


@pytest.mark.parametrize(("rule", "edit", "expected"), TLS_CASES, ids=[f"{rule}-{text}" for rule, _, text in TLS_CASES])
def test_a_rule_catches_what_breaks_tls(rule: str, edit: Edit, expected: str, secured: Manifest) -> None:
    """The same for the overlay in which calls need certificates."""
    draft = Draft(secured)
    edit(draft)
    found = list(RULES[rule](draft.manifest()))

    assert any(expected in finding for finding in found), found
    assert list(RULES[rule](secured)) == []


def test_every_rule_has_a_broken_manifest() -> None:
    """No rule stands without a case that it catches."""
    assert {rule for rule, _, _ in [*CASES, *TLS_CASES]} == RULES.keys()
