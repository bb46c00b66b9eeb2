"""Every VISAGE_ variable is a setting of the process that gets it, with a value that it takes.

The settings classes are the services' own: a field that is renamed there fails here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final
from unittest import mock

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from k8s.checks.manifest import SERVICES, Manifest, Object, name_of, pod_of, title_of
from k8s.checks.rules import network
from visage.animation.settings import AnimationSettings
from visage.composition.settings import CompositionSettings
from visage.identity.settings import IdentitySettings
from visage.runtime.settings import SHARED_PREFIX, ServiceSettings
from visage.runtime.triton.settings import LocalTritonSettings, TritonClientSettings
from visage.speech.settings import SpeechSettings

OWN_SETTINGS: Final[dict[str, type[ServiceSettings]]] = {
    "identity": IdentitySettings,
    "speech": SpeechSettings,
    "animation": AnimationSettings,
    "composition": CompositionSettings,
}
SHARED_MAP: Final = "mesh-settings"
_CACHE: Final = "VISAGE_CACHE_DIR"
_RUNS: Final = {"render": "composition"}
"""Workloads that run another service's code, with its settings."""


def known_names(service: str) -> set[str]:
    """Returns the variables that a service, or "triton" for the embedded server, reads."""
    if service == "triton":
        return _names(LocalTritonSettings) | {_CACHE}
    own = OWN_SETTINGS[service]
    shared = {f"{SHARED_PREFIX}{field.upper()}" for field in own.model_fields}
    client = _names(TritonClientSettings) if "triton" in network.peers(service) else set()
    return _names(own) | shared | client


def _names(settings: type[BaseSettings]) -> set[str]:
    prefix = settings.model_config.get("env_prefix", "")
    return {f"{prefix}{field.upper()}" for field in settings.model_fields}


def variables(manifest: Manifest, deployment: Object) -> dict[str, tuple[str, str]]:
    """Returns VISAGE_ variables of a deployment's containers: name → (value, where it stands); later ones win."""
    found: dict[str, tuple[str, str]] = {}
    pod = pod_of(deployment)
    for spec in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        for source in spec.get("envFrom", ()):
            reference = source.get("configMapRef", {}).get("name", "")
            config = manifest.find("ConfigMap", reference)
            found |= {key: (value, reference) for key, value in (config or {}).get("data", {}).items()}
        found |= {item["name"]: (item["value"], "env") for item in spec.get("env", ()) if "value" in item}
    return {name: value for name, value in found.items() if name.startswith(SHARED_PREFIX)}


def read(settings: type[BaseSettings], values: Mapping[str, str]) -> BaseSettings:
    """Returns settings as a process with exactly these variables reads them.

    Raises:
        ValidationError: A value is refused.
    """
    with mock.patch.dict(os.environ, values, clear=True):
        os.environ.setdefault("HOME", "/tmp")
        return settings()


def service_settings(manifest: Manifest, deployment: Object) -> ServiceSettings | None:
    """Returns what a service's pods are told; None where a value is refused, which `check` reports."""
    values = {name: value for name, (value, _) in variables(manifest, deployment).items()}
    try:
        settings = read(OWN_SETTINGS[name_of(deployment)], values)
    except ValidationError:
        return None
    assert isinstance(settings, ServiceSettings)
    return settings


def check(manifest: Manifest) -> Iterator[str]:
    """Names are settings, values are accepted."""
    anywhere = set().union(*(known_names(service) for service in SERVICES))
    for deployment in manifest.workloads():
        service = _RUNS.get(name_of(deployment), name_of(deployment))
        found = variables(manifest, deployment)
        if service not in (*SERVICES, "triton"):
            yield from (f"{title_of(deployment)}: {name} is set, but no service of ours runs here" for name in found)
            continue
        own = known_names(service)
        for name, (_, where) in found.items():
            if name not in (anywhere if where.startswith(SHARED_MAP) else own):
                yield f"{title_of(deployment)}: {name} is no setting of {service} ({where})"
        classes = (LocalTritonSettings,) if service == "triton" else (OWN_SETTINGS[service], TritonClientSettings)
        for settings in classes:
            try:
                read(settings, {name: value for name, (value, _) in found.items()})
            except ValidationError as error:
                for item in error.errors():
                    field = ".".join(str(part) for part in item["loc"])
                    yield f"{title_of(deployment)}: {settings.__name__}.{field}: {item['msg']}"
