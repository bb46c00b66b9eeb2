"""Schemas, rendering and promtool refuse what is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from k8s.checks import promtool, schemas
from k8s.checks.__main__ import RULE_TESTS, main
from k8s.checks.manifest import Manifest, quantity
from k8s.checks.render import OVERLAYS, RenderError, render
from tests.fakes.manifest_draft import SCALED_OBJECT, Draft, put
from visage.runtime.debian_install import NotInstallable

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def production() -> Manifest:
    """The production overlay, rendered once."""
    return render(OVERLAYS / "production")


@pytest.mark.parametrize(("kind", "field"), [("Issuer", "selfSign"), ("Certificate", "dnsName")])
def test_a_misspelt_certificate_is_a_violation(kind: str, field: str) -> None:
    """cert-manager's objects are held to a schema too."""
    item = Draft(render(OVERLAYS / "production-mtls")).get(kind, "visage-self-signed" if kind == "Issuer" else "speech")
    before = list(schemas.violations(item))
    item["spec"][field] = {}

    assert before == []
    assert field in "".join(schemas.violations(item))


@pytest.mark.parametrize(
    ("kind", "name", "path", "count"),
    [
        ("Deployment", "speech", ("spec", "replcas"), len(schemas.MINORS)),
        ("HorizontalPodAutoscaler", "speech", ("spec", "minReplica"), len(schemas.MINORS)),
        ("NetworkPolicy", "speech", ("spec", "podSelectors"), len(schemas.MINORS)),
        ("ServiceMonitor", "visage", ("spec", "endpoint"), 1),
        ("PrometheusRule", "visage", ("spec", "groups", 0, "rule"), 1),
        ("GRPCRoute", "visage", ("spec", "rules", 0, "backends"), 1),
    ],
)
def test_a_misspelt_field_is_a_violation(
    kind: str, name: str, path: tuple[str | int, ...], count: int, production: Manifest
) -> None:
    """Unknown fields are refused, in Kubernetes' own kinds for each minor and in custom ones."""
    draft = Draft(production)
    item = draft.get(kind, name)
    put(1, *path)(item)
    found = list(schemas.violations(item))

    assert all(str(path[-1]) in finding for finding in found)
    assert len(found) == count


def test_a_misspelt_scaled_object_is_a_violation() -> None:
    """KEDA's objects are held to a schema too."""
    item = yaml.safe_load(SCALED_OBJECT)
    item["spec"]["maxReplicas"] = 4

    assert list(schemas.violations(yaml.safe_load(SCALED_OBJECT))) == []
    assert "maxReplicas" in "".join(schemas.violations(item))


def test_an_unknown_kind_is_a_violation() -> None:
    """A kind that no minor has, and for which there is no schema here, does not pass unseen."""
    item = {"apiVersion": "apps/v1", "kind": "Deploment", "metadata": {"name": "a"}}

    assert len(list(schemas.violations(item))) == len(schemas.MINORS)


def test_a_wrong_record_fails_the_unit_tests_of_the_rules(production: Manifest) -> None:
    """promtool computes: the popular clamp, which hides a long queue at low traffic, does not pass."""
    draft = Draft(production)
    rule = draft.get("PrometheusRule", "visage")["spec"]["groups"][0]["rules"][0]
    rule["expr"] = (
        "max by (namespace, pod) (rate(nv_inference_queue_duration_us[2m]) / 1e6"
        " / clamp_min(rate(nv_inference_request_success[2m]), 1))"
    )
    found = "".join(promtool.failures(draft.manifest(), RULE_TESTS))

    assert "queue time is true at low traffic" in found


def test_without_promtool_and_apt_the_reason_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which tool is missing and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotInstallable, match=r"apt-get is not here; install the package prometheus"):
        promtool.find(tmp_path)


def test_a_broken_kustomization_is_one_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that does not render is reported, and the command fails."""
    (tmp_path / "kustomization.yaml").write_text("resources: [absent.yaml]\n")

    with pytest.raises(RenderError, match=r"absent\.yaml"):
        render(tmp_path)
    assert main([str(tmp_path)]) == 1
    assert "absent.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "value"), [("500m", 0.5), ("2Gi", 2 * 2**30), ("1", 1.0), (3, 3.0), ("1k", 1000.0)])
def test_quantities_are_read_as_kubernetes_reads_them(text: str | int, value: float) -> None:
    """Binary and decimal suffixes and millis."""
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["1Q", "", "Mi", "1e3x", "-1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """The error names it."""
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)
