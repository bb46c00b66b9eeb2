"""Rendered objects and the questions that rules ask them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Object = Mapping[str, Any]

SERVICES: Final = ("identity", "speech", "animation", "composition")
NAME_LABEL: Final = "app.kubernetes.io/name"

_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|Ki|Mi|Gi|Ti)?")
_FACTORS: Final = {
    "m": 1e-3,
    None: 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a workload's pods; `workload` is "Kind/name"."""

    workload: str
    spec: Mapping[str, Any]
    is_init: bool

    @property
    def title(self) -> str:
        """How findings name it: "Deployment/triton container server"."""
        return f"{self.workload} container {self.spec.get('name')}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """All objects of one overlay; `name` is its folder's."""

    name: str
    objects: Sequence[Object]

    def of(self, kind: str) -> list[Object]:
        """Returns the objects of a kind."""
        return [item for item in self.objects if item.get("kind") == kind]

    def find(self, kind: str, name: str) -> Object | None:
        """Returns an object by kind and name; None if there is none."""
        return next((item for item in self.of(kind) if name_of(item) == name), None)

    def workloads(self) -> list[Object]:
        """Returns everything that pods are made of: deployments, and the templates of Jobs."""
        return [*self.of("Deployment"), *self.of("PodTemplate")]

    def containers(self) -> Iterator[Container]:
        """Yields every container of every workload, init containers included."""
        for workload in self.workloads():
            pod = pod_of(workload)
            for key in ("initContainers", "containers"):
                for spec in pod.get(key, ()):
                    yield Container(title_of(workload), spec, key == "initContainers")

    def selected(self, selector: Mapping[str, str]) -> list[Object]:
        """Returns the deployments whose pods carry all labels of `selector`; an empty one selects none."""
        return [item for item in self.of("Deployment") if selector and selector.items() <= labels_of_pods(item).items()]


def name_of(item: Object) -> str:
    """Returns an object's name, "" where it has none."""
    return str(item.get("metadata", {}).get("name", ""))


def title_of(item: Object) -> str:
    """Returns "Kind/name"."""
    return f"{item.get('kind')}/{name_of(item)}"


def pod_of(workload: Object) -> Mapping[str, Any]:
    """Returns the pod spec of a deployment or a PodTemplate."""
    holder = workload if workload.get("kind") == "PodTemplate" else workload.get("spec", {})
    spec: Mapping[str, Any] = holder.get("template", {}).get("spec", {})
    return spec


def labels_of_pods(deployment: Object) -> Mapping[str, str]:
    """Returns the labels that a deployment's pods carry."""
    labels: Mapping[str, str] = deployment.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
    return labels


def ports_of(spec: Mapping[str, Any]) -> dict[str, int]:
    """Returns the ports of a container by name."""
    return {str(port.get("name", port["containerPort"])): int(port["containerPort"]) for port in spec.get("ports", ())}


def quantity(text: str | float) -> float:
    """Returns a resource quantity ("500m", "2Gi", "1") as a number of cores, bytes or devices.

    Raises:
        ValueError: It is no quantity.
    """
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    return float(match.group(1)) * _FACTORS[match.group(2)]
