"""Our own rules, beyond what a schema says: each `check` yields one sentence per finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from k8s.checks.manifest import Manifest
from k8s.checks.rules import (
    certificates,
    images,
    lifecycle,
    metrics,
    network,
    ports,
    references,
    resources,
    scaling,
    security,
    settings,
)

Rule = Callable[[Manifest], Iterator[str]]

RULES: Final[dict[str, Rule]] = {
    "certificates": certificates.check,
    "images": images.check,
    "lifecycle": lifecycle.check,
    "metrics": metrics.check,
    "network": network.check,
    "ports": ports.check,
    "references": references.check,
    "resources": resources.check,
    "scaling": scaling.check,
    "security": security.check,
    "settings": settings.check,
}
