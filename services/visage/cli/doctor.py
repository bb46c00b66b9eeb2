"""`visage doctor`: what is missing on this machine, and how to get it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass

import typer
from rich.table import Table

from visage.cli import console
from visage.client.embedded import find_model_repository

LIBRARIES = {"cv2": "identity", "soundfile": "speech", "espeakng_loader": "speech", "av": "composition"}


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the machine."""

    name: str
    fine: bool
    found: str


def doctor() -> None:
    """Check Python, libraries, models, Triton and voices."""
    checks = [_python(), *_libraries(), _models(), _triton(), _disk()]

    def table() -> Table:
        rows = Table("check", "", "found")
        for check in checks:
            rows.add_row(check.name, "[green]ok" if check.fine else "[red]missing", check.found)
        return rows

    console.show(checks, table)
    if not all(check.fine for check in checks):
        raise typer.Exit(1)


def _python() -> Check:
    return Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.machine()}")


def _libraries() -> list[Check]:
    checks = []
    for module, extra in LIBRARIES.items():
        there = importlib.util.find_spec(module) is not None
        checks.append(Check(module, there, "installed" if there else f'pip install "visage[{extra}]"'))
    return checks


def _models() -> Check:
    try:
        repository = find_model_repository()
    except FileNotFoundError as error:
        return Check("models", False, str(error))
    names = sorted(path.parent.name for path in repository.glob("*/config.pbtxt"))
    return Check("models", bool(names), ", ".join(names) or f"none in {repository}")


def _triton() -> Check:
    command = [sys.executable, "-m", "visage.runtime.triton.local", "install"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (outcome.stdout if outcome.returncode == 0 else outcome.stderr).strip().splitlines()
    return Check("triton", outcome.returncode == 0, lines[-1] if lines else "no answer")


def _disk() -> Check:
    free_gb = shutil.disk_usage(".").free / 1e9
    return Check("disk", free_gb > 3, f"{free_gb:.0f} GB free")
