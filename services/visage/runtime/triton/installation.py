"""Install the embedded Triton once: its own Python environment and a folder of backends.

The PyPI wheel `nvidia-pytriton` carries the real `tritonserver` with the Python backend only. Beside that
backend we lay `onnxruntime/model.py`, a python-based backend, so that a model repository written for the
official GPU image runs here unchanged. Two layers, each built in a temporary folder and renamed into place:

    <cache>/triton/env-<key>/         the virtual environment, keyed by its requirements and Python
    <cache>/triton/backends-<key>/    python/ and onnxruntime/, keyed by the environment and our sources
"""

from __future__ import annotations

import ctypes.util
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from visage.runtime.cache import cache_dir
from visage.runtime.triton.errors import ServerInstallFailed

SUPPORTED_PYTHONS: Final = ((3, 11), (3, 12))
"""Versions with both a stub in the wheel and a numpy 1 wheel."""

_HERE: Final = Path(__file__).parent
_REQUIREMENTS: Final = _HERE / "local_requirements.txt"
_BACKEND_SOURCES: Final = _HERE / "backends" / "onnxruntime"
_PYTHON_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the installed server lies.

    Attributes:
        python: Interpreter of the server's own environment.
        tritonserver: The server's executable.
        backends: Folder for `--backend-directory`.
        library_path: Value for LD_LIBRARY_PATH: the wheel's bundled libraries and libpython.
        compiled: Folder in which the backend keeps compiled models from start to start.
    """

    python: Path
    tritonserver: Path
    backends: Path
    library_path: str
    compiled: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which the server and its model processes run."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONWARNINGS")
        }
        environment["LD_LIBRARY_PATH"] = self.library_path
        # The embedded interpreter finds its environment through the first `python3` on PATH.
        environment["PATH"] = f"{self.python.parent}:{environment.get('PATH', os.defpath)}"
        environment["VIRTUAL_ENV"] = str(self.python.parent.parent)
        environment["VISAGE_TRITON_COMPILED_DIR"] = str(self.compiled)
        return environment


def install(cache: Path | None = None, report: Callable[[str], None] = lambda _: None) -> Installation:
    """Install the embedded server unless it is there, and return where it lies.

    Safe to call from several processes at once: one installs, the others wait for it. An interrupted
    installation leaves nothing that a later call would take for a finished one.

    Args:
        cache: Folder to install under; the project's cache folder by default.
        report: Called with one line before each step that takes seconds.

    Raises:
        ServerInstallFailed: This platform has no server, pip failed, or libpython is missing.
    """
    _check_platform()
    root = (cache or cache_dir()) / "triton"
    root.mkdir(parents=True, exist_ok=True)
    env_key = _key(_REQUIREMENTS.read_bytes(), sys.version.encode(), sys.base_prefix.encode())
    sources = sorted(_BACKEND_SOURCES.glob("*.py"))
    backends_key = _key(env_key.encode(), *(path.name.encode() + path.read_bytes() for path in sources))
    env = root / f"env-{env_key}"
    backends = root / f"backends-{backends_key}"
    with _lock(root / "install.lock"):
        if not env.is_dir():
            report("creating the Triton server's own Python environment (about 700 MB, once)")
            _build(env, _build_environment)
        if not backends.is_dir():
            _build(backends, lambda target: _build_backends(target, _site_packages(env), sources))
    site_packages = _site_packages(env)
    libraries = [str(site_packages / "nvidia_pytriton.libs"), *_libpython_folders()]
    return Installation(
        python=env / "bin" / "python",
        tritonserver=site_packages / "pytriton" / "tritonserver" / "bin" / "tritonserver",
        backends=backends,
        library_path=":".join(libraries),
        compiled=root / "compiled",
    )


def _check_platform() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ServerInstallFailed(
            f"the embedded Triton runs on Linux x86_64, not on {sys.platform} {platform.machine()}; "
            "point VISAGE_TRITON_URL at a Triton server instead"
        )
    if sys.version_info[:2] not in SUPPORTED_PYTHONS:
        wanted = " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED_PYTHONS)
        raise ServerInstallFailed(f"the embedded Triton needs Python {wanted}, not {_PYTHON_VERSION}")
    _libpython_folders()


def _libpython_folders() -> list[str]:
    """Folders that hold libpython, to which the model processes are linked; none if the system has it."""
    library = f"libpython{_PYTHON_VERSION}.so.1.0"
    candidates = [sysconfig.get_config_var("LIBDIR"), str(Path(sys.base_prefix) / "lib")]
    for folder in candidates:
        if folder and (Path(folder) / library).exists():
            return [folder]
    if ctypes.util.find_library(f"python{_PYTHON_VERSION}") == library:
        return []
    raise ServerInstallFailed(
        f"{library} was found neither beside {sys.base_prefix} nor on the system; install Python's shared "
        f"library (on Debian and Ubuntu: libpython{_PYTHON_VERSION})"
    )


def _key(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder and rename it to `target`; the caller holds the lock."""
    for abandoned in target.parent.glob("partial-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=target.parent))
    try:
        fill(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _site_packages(env: Path) -> Path:
    return env / "lib" / f"python{_PYTHON_VERSION}" / "site-packages"


def _build_environment(target: Path) -> None:
    has_pip = importlib.util.find_spec("pip") is not None
    _run([sys.executable, "-m", "venv", *(["--without-pip"] if has_pip else []), str(target)])
    python = str(target / "bin" / "python")
    # The running pip installs into the new environment, which then needs no pip of its own.
    pip = [sys.executable, "-m", "pip", "--python", python] if has_pip else [python, "-m", "pip"]
    _run([*pip, "install", "--quiet", "--no-deps", "--no-compile", "--requirement", str(_REQUIREMENTS)])


def _build_backends(target: Path, site_packages: Path, sources: list[Path]) -> None:
    server = site_packages / "pytriton" / "tritonserver"
    shutil.copytree(server / "backends" / "python", target / "python")
    # A stub beside the backend's library takes precedence over the one for Python 3.10 that it has built in.
    shutil.copy2(server / "python_backend_stubs" / _PYTHON_VERSION / "triton_python_backend_stub", target / "python")
    (target / "onnxruntime").mkdir()
    for source in sources:
        shutil.copy2(source, target / "onnxruntime" / source.name)


def _run(command: list[str]) -> None:
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        tail = "\n".join((outcome.stdout + outcome.stderr).strip().splitlines()[-15:])
        raise ServerInstallFailed(f"`{' '.join(command)}` failed with exit status {outcome.returncode}:\n{tail}")
