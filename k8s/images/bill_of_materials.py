"""Bills of materials (CycloneDX 1.6) of the images' Python packages: `python -m k8s.images.bill_of_materials FOLDER`.

Read off constraints.txt and the metadata of the development environment, which holds the same versions; so they can be
made, and are the same, without building an image.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from k8s.images.closure import SERVICES, closure
from k8s.images.requirements import CONSTRAINTS, requirements

IMAGES: Final = (*SERVICES, "triton")
EMBEDDED: Final = Path(__file__).resolve().parents[2] / "services/visage/runtime/triton/local_requirements.txt"
"""The embedded server's own environment, which the image triton-cpu carries beside its manager's."""

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", re.MULTILINE)


def bill(service: str) -> Bom:
    """Returns the bill of an image.

    Raises:
        ValueError: The development environment holds another version than constraints.txt pins.
    """
    components = {}
    for name, version in _PIN.findall(requirements(service, CONSTRAINTS.read_text())):
        distribution = metadata.distribution(name)
        if distribution.version != version:
            raise ValueError(f"{name} {distribution.version} is installed, {version} is pinned: run `make setup`")
        components[name] = _component(name, version, _licenses(distribution))
    image = Component(name=f"visage-{service}", version=metadata.version("visage"), type=ComponentType.CONTAINER)
    embedded = _PIN.findall(EMBEDDED.read_text()) if service == "triton" else []
    bom = Bom(components=[*components.values(), *(_component(name, version, []) for name, version in embedded)])
    bom.metadata.component = image
    bom.register_dependency(image, bom.components)
    for name, component in components.items():
        needed = closure(metadata.distribution(name).requires or ()) & components.keys()
        bom.register_dependency(component, [components[other] for other in needed if other != name])
    return bom


def _component(name: str, version: str, licenses: Sequence[DisjunctiveLicense | LicenseExpression]) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, name, version),
        bom_ref=f"{name}@{version}",
        licenses=licenses,
    )


def _licenses(distribution: metadata.Distribution) -> list[DisjunctiveLicense | LicenseExpression]:
    def stated(field: str) -> list[str]:
        return [str(text) for text in distribution.metadata.get_all(field) or ()]

    expressions = stated("License-Expression")
    if expressions:
        return [LicenseExpression(expressions[0])]
    prefix = "License :: OSI Approved :: "
    names = sorted({text.removeprefix(prefix) for text in stated("Classifier") if text.startswith(prefix)})
    # The old field may hold a whole licence; a name is one line.
    names = names or [text.strip() for text in stated("License") if text.strip() and "\n" not in text.strip()]
    return [DisjunctiveLicense(name=name) for name in names]


def main(arguments: Sequence[str]) -> None:
    """Writes <service>.cdx.json for every image into the folder."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for service in IMAGES:
        bom = bill(service)
        target = folder / f"{service}.cdx.json"
        target.write_text(JsonV1Dot6(bom).output_as_string(indent=2))
        print(f"{target}: {len(bom.components)} components")


if __name__ == "__main__":
    main(sys.argv[1:])
