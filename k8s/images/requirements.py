"""Prints the pinned, hashed requirements of one image: `python requirements.py SERVICE`; standard library only.

Runs in the build stage of services/Dockerfile, where nothing is installed yet.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

CONSTRAINTS = Path("constraints.txt")
PACKAGES = Path(__file__).with_name("packages.toml")

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==")


def canonical(name: str) -> str:
    """Returns a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(service: str) -> list[str]:
    """Returns the names of an image's packages, sorted.

    Raises:
        KeyError: There is no such image.
    """
    listed = tomllib.loads(PACKAGES.read_text())
    if service == "common":
        raise KeyError(service)
    return sorted({canonical(name) for name in (*listed["common"], *listed[service])})


def requirements(service: str, constraints: str) -> str:
    """Returns the entries of constraints.txt for an image's packages, with their hashes.

    Raises:
        KeyError: There is no such image, or a package is not pinned.
    """
    entries: dict[str, list[str]] = {}
    name = ""
    for line in constraints.splitlines():
        pin = _PIN.match(line)
        name = canonical(pin.group(1)) if pin else name
        if pin or line.startswith(" "):
            entries.setdefault(name, []).append(line)
    return "\n".join("\n".join(entries[package]) for package in packages(service)) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Prints; returns the exit status."""
    if len(arguments) != 1:
        print("usage: requirements.py SERVICE", file=sys.stderr)
        return 2
    try:
        print(requirements(arguments[0], CONSTRAINTS.read_text()), end="")
    except KeyError as error:
        print(f"{error} is no image of packages.toml, or not pinned in {CONSTRAINTS}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
