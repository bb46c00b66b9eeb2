"""Images are pinned by digest: what was tested is what runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from k8s.checks.manifest import Manifest, name_of, pod_of

DEVELOPMENT: Final = "dev"
"""The overlay whose images Tilt builds and names."""
UNKNOWN: Final = "sha256:" + "0" * 64
"""Digest of an image that is built or chosen by whoever deploys; no registry has it, so nothing starts with it."""

_PINNED: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
_OWN: Final = re.compile(r"^visage-[a-z-]+$")


def references(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yields (where, image) for containers and image volumes."""
    for container in manifest.containers():
        yield container.title, str(container.spec.get("image", ""))
    for deployment in manifest.workloads():
        for volume in pod_of(deployment).get("volumes", ()):
            if "image" in volume:
                title = f"Deployment/{name_of(deployment)} volume {volume['name']}"
                yield title, str(volume["image"].get("reference", ""))


def check(manifest: Manifest) -> Iterator[str]:
    """Every image has a digest, except those that Tilt builds."""
    for where, image in references(manifest):
        is_built = manifest.name == DEVELOPMENT and _OWN.match(image)
        if not is_built and not _PINNED.search(image):
            yield f"{where}: image {image!r} has no digest"


def check_release(manifest: Manifest) -> Iterator[str]:
    """Before it is deployed, every digest is a real one."""
    for where, image in references(manifest):
        if image.endswith(UNKNOWN):
            yield f"{where}: the digest of {image.split('@')[0]} is to be filled in"
