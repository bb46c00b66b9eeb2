"""TLS fits together: who names certificates has them mounted, from a Certificate with the name it is called by.

Without TLS settings and without Certificates there is nothing to check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from pydantic import ValidationError

from k8s.checks.manifest import SERVICES, Manifest, Object, name_of, pod_of, title_of
from k8s.checks.rules.ports import PROBES
from k8s.checks.rules.settings import read, service_settings, variables
from visage.runtime.triton.settings import TritonClientSettings

KEYS: Final = ("tls.crt", "tls.key", "ca.crt")
"""What cert-manager writes into a secret."""
_TRITON_FLAGS: Final = {"--grpc-server-cert=": "tls.crt", "--grpc-server-key=": "tls.key"}
_TRITON_TLS: Final = "--grpc-use-ssl=true"


def check(manifest: Manifest) -> Iterator[str]:
    """Issuers, certificates, mounts, probes and settings agree."""
    yield from _check_issuers(manifest)
    callers = [workload for workload in manifest.workloads() if name_of(workload) in (*SERVICES, "render")]
    secured = {name_of(workload): files for workload in callers if (files := _files_of(manifest, workload))}
    for workload in callers:
        name = name_of(workload)
        if secured and name not in secured:
            yield f"{title_of(workload)}: speaks plaintext, while others of the mesh want TLS"
        if name in secured:
            usages = {"client auth"} | ({"server auth"} if name in SERVICES else set())
            yield from _check_files(manifest, workload, secured[name], usages)
        if name in SERVICES:
            yield from _check_probes(manifest, workload, name in secured)
    yield from _check_triton(manifest, callers)


def _check_issuers(manifest: Manifest) -> Iterator[str]:
    authorities = {item["spec"]["secretName"] for item in manifest.of("Certificate") if item["spec"].get("isCA")}
    for certificate in manifest.of("Certificate"):
        name = certificate["spec"]["issuerRef"]["name"]
        if manifest.find("Issuer", name) is None:
            yield f"{title_of(certificate)}: there is no Issuer {name}"
    for issuer in manifest.of("Issuer"):
        secret = issuer["spec"].get("ca", {}).get("secretName")
        if secret is not None and secret not in authorities:
            yield f"{title_of(issuer)}: no Certificate of a CA makes the secret {secret}"


def _files_of(manifest: Manifest, workload: Object) -> list[str]:
    """Paths that the TLS settings of a workload name."""
    found = variables(manifest, workload)
    names = [f"VISAGE_TLS_{part}_FILE" for part in ("CERT", "KEY", "CA")]
    return [found[name][0] for name in names if name in found]


def _check_files(manifest: Manifest, workload: Object, files: list[str], usages: set[str]) -> Iterator[str]:
    """Each file lies in a mounted secret of a certificate that fits the workload."""
    title = title_of(workload)
    for file in files:
        path = PurePosixPath(file)
        certificate = _certificate_at(manifest, workload, path)
        if path.name not in KEYS:
            yield f"{title}: {file} is none of {', '.join(KEYS)}"
        if certificate is None:
            yield f"{title}: {file} is in no mounted secret that a Certificate makes"
            continue
        spec = certificate["spec"]
        if name_of(workload) not in spec.get("dnsNames", ()):
            yield f"{title}: {title_of(certificate)} is not for {name_of(workload)}, the name that it is called by"
        for usage in sorted(usages - set(spec.get("usages", ()))):
            yield f"{title}: {title_of(certificate)} lacks the usage {usage}"


def _certificate_at(manifest: Manifest, workload: Object, path: PurePosixPath) -> Object | None:
    """The Certificate whose secret is mounted at the folder of a file; None for none."""
    pod = pod_of(workload)
    volume = next(
        (
            mount["name"]
            for mount in pod["containers"][0].get("volumeMounts", ())
            if PurePosixPath(mount["mountPath"]) == path.parent
        ),
        None,
    )
    secrets: Mapping[str, Any] = {
        item["name"]: item["secret"]["secretName"] for item in pod.get("volumes", ()) if "secret" in item
    }
    made = {item["spec"]["secretName"]: item for item in manifest.of("Certificate")}
    return made.get(secrets.get(volume or "", ""))


def _check_probes(manifest: Manifest, deployment: Object, is_secured: bool) -> Iterator[str]:
    settings = service_settings(manifest, deployment)
    if settings is None or not is_secured:
        return
    for key in PROBES:
        port = pod_of(deployment)["containers"][0].get(key, {}).get("grpc", {}).get("port")
        if port != settings.health_port:
            health = settings.health_port
            yield f"{title_of(deployment)}: {key} asks port {port}, and knows no TLS; health is at {health}"


def _check_triton(manifest: Manifest, callers: list[Object]) -> Iterator[str]:
    """Triton speaks TLS where its callers do, and nowhere else."""
    triton = manifest.find("Deployment", "triton")
    if triton is None:
        return
    flags = [str(flag) for flag in pod_of(triton)["containers"][0].get("args", ())]
    has_tls = _TRITON_TLS in flags
    for caller in callers:
        values = {name: value for name, (value, _) in variables(manifest, caller).items()}
        try:
            settings = read(TritonClientSettings, values)
        except ValidationError:
            continue
        assert isinstance(settings, TritonClientSettings)
        if (settings.tls_ca_file is not None) != has_tls:
            yield f"{title_of(caller)}: calls Triton {'without' if has_tls else 'with'} TLS, and it wants the other"
        if settings.tls_ca_file is not None:
            path = PurePosixPath(str(settings.tls_ca_file))
            if path.name not in KEYS or _certificate_at(manifest, caller, path) is None:
                yield f"{title_of(caller)}: {path} is in no mounted secret that a Certificate makes"
    if has_tls:
        for flag, key in _TRITON_FLAGS.items():
            file = next((text.removeprefix(flag) for text in flags if text.startswith(flag)), "")
            if PurePosixPath(file).name != key:
                yield f"{title_of(triton)}: {flag} names no {key}"
                continue
            yield from _check_files(manifest, triton, [file], {"server auth"})
