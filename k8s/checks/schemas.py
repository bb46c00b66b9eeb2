"""Each object against its schema, strictly: an unknown field is an error in each supported Kubernetes minor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import jsonschema
import kubernetes_validate

from k8s.checks.custom_resources import CUSTOM_RESOURCES
from k8s.checks.manifest import Object, title_of

MINORS: Final = ("1.35", "1.36", "1.37")
"""The first has image volumes on by default."""


def violations(item: Object) -> Iterator[str]:
    """Yields what is wrong with an object's fields; nothing if every minor accepts it."""
    yield from _violations(json.dumps(item, sort_keys=True))


@cache
def _violations(text: str) -> tuple[str, ...]:
    """The same for an object as JSON: overlays share most objects."""
    item: dict[str, Any] = json.loads(text)
    schema = CUSTOM_RESOURCES.get((item.get("apiVersion", ""), item.get("kind", "")))
    if schema is not None:
        errors = jsonschema.Draft202012Validator(schema).iter_errors(item)
        return tuple(f"{title_of(item)}: {error.json_path}: {error.message}" for error in errors)
    found = []
    for minor in MINORS:
        try:
            kubernetes_validate.validate(item, minor, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            found.append(f"{title_of(item)}: Kubernetes {minor}: {path}: {error.message}")
        except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError):
            found.append(f"{title_of(item)}: Kubernetes {minor} has no {item.get('apiVersion')} {item.get('kind')}")
    return tuple(found)
