"""Which packages an extra of ours needs, read off the metadata of what is installed: `python -m k8s.images.closure`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT: Final = Path(__file__).resolve().parents[2] / "pyproject.toml"
SERVICES: Final = ("identity", "speech", "animation", "composition")


def declared(extra: str | None) -> list[str]:
    """Returns the requirements that pyproject.toml states for a service, or with None for all."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    optional: list[str] = project["optional-dependencies"][extra] if extra else []
    return [*project["dependencies"], *optional]


def closure(requirements: Iterable[str]) -> set[str]:
    """Returns the names of packages that these need, transitively, on this Python and platform.

    Raises:
        PackageNotFoundError: One of them is not installed here.
    """
    done: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    names: set[str] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        names.add(name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in done:
                done.add((name, wanted))
                texts = metadata.distribution(name).requires or ()
                waiting += [(Requirement(text), wanted) for text in texts]
    return names


if __name__ == "__main__":
    for service in SERVICES:
        print(service, *sorted(closure(declared(service)) - closure(declared(None))))
    print("common", *sorted(closure(declared(None))))
