"""Rendered manifests that tests break, one place at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import yaml

from k8s.checks.manifest import Manifest, name_of

Edit = Callable[["Draft"], None]

SCALED_OBJECT = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: speech, namespace: visage}
spec:
  scaleTargetRef: {name: speech}
  minReplicaCount: 2
  maxReplicaCount: 4
  triggers:
    - type: prometheus
      metadata: {serverAddress: "http://p", query: "sum(visage:stream_load:ratio)", threshold: "0.8"}
"""


class Draft:
    """A copy of the an overlay's objects."""

    def __init__(self, manifest: Manifest) -> None:
        self.objects: list[Any] = copy.deepcopy(list(manifest.objects))

    def get(self, kind: str, name: str) -> Any:
        return next(item for item in self.objects if item["kind"] == kind and name_of(item).startswith(name))

    def pod(self, name: str) -> Any:
        return self.get("Deployment", name)["spec"]["template"]["spec"]

    def server(self, name: str) -> Any:
        return self.pod(name)["containers"][0]

    def volume(self, deployment: str, name: str) -> Any:
        return next(item for item in self.pod(deployment)["volumes"] if item["name"] == name)

    def remove(self, kind: str, name: str = "") -> None:
        self.objects = [item for item in self.objects if not (item["kind"] == kind and name_of(item).startswith(name))]

    def add(self, text: str) -> None:
        self.objects += yaml.safe_load_all(text)

    def manifest(self) -> Manifest:
        return Manifest("production", self.objects)


def put(value: Any, *path: str | int) -> Callable[[Any], None]:
    """Returns an edit that sets what lies at `path`."""

    def apply(item: Any) -> None:
        for key in path[:-1]:
            item = item[key]
        item[path[-1]] = value

    return apply


def server(name: str, value: Any, *path: str | int) -> Edit:
    return lambda draft: put(value, *path)(draft.server(name))


def pod(name: str, value: Any, *path: str | int) -> Edit:
    return lambda draft: put(value, *path)(draft.pod(name))


def volume(deployment: str, name: str, value: Any, *path: str | int) -> Edit:
    return lambda draft: put(value, *path)(draft.volume(deployment, name))


def thing(kind: str, name: str, value: Any, *path: str | int) -> Edit:
    return lambda draft: put(value, *path)(draft.get(kind, name))


def append(kind: str, name: str, value: Any, *path: str | int) -> Edit:
    def apply(draft: Draft) -> None:
        item = draft.get(kind, name)
        for key in path:
            item = item[key]
        item.append(value)

    return apply
