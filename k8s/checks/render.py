"""Overlays to objects: `kubectl kustomize`, with the kubectl of the development environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import yaml

from k8s.checks.manifest import Manifest

FOLDER: Final = Path(__file__).resolve().parents[1]
OVERLAYS: Final = FOLDER / "overlays"
_LIMIT_S: Final = 60.0


class RenderError(Exception):
    """An overlay cannot be rendered; the message is kustomize's."""


def overlay_names() -> list[str]:
    """Returns the names of the overlays."""
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))


def find_tool(name: str) -> str:
    """Returns a program of the development environment, else one on PATH.

    Raises:
        RenderError: There is none.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RenderError(f"{name} is not here: `make setup` installs it")
    return found


def render(folder: Path) -> Manifest:
    """Returns the objects of a kustomization.

    Raises:
        RenderError: kustomize refuses it, or prints what is no list of objects.
    """
    command = [find_tool("kubectl"), "kustomize", str(folder)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    if outcome.returncode != 0:
        raise RenderError(f"{folder.name}: {outcome.stderr.strip()}")
    if outcome.stderr.strip():
        raise RenderError(f"{folder.name}: kustomize warns: {outcome.stderr.strip()}")
    objects = [item for item in yaml.load_all(outcome.stdout, yaml.CSafeLoader) if item is not None]
    if not objects or not all(isinstance(item, dict) and "kind" in item for item in objects):
        raise RenderError(f"{folder.name}: no objects")
    return Manifest(folder.name, objects)
