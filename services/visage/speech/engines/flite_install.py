"""Installs libflite into the project's cache folder where the system lacks it; needs no root.

`python -m visage.speech.engines.flite_install` downloads Debian's packages with apt and unpacks them. Without apt, or
without a package mirror, the flite voices are absent and the service speaks with espeak-ng alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from visage.runtime.cache import cache_dir

LIBRARY: Final = "libflite.so.1"
_PACKAGE: Final = "libflite1"
# In every Debian: what they bring must match the running system, so never a second copy.
_SYSTEM_PACKAGES: Final = frozenset({"libc6", "libgcc-s1", "libcrypt1"})
_PROBE: Final = (
    "import ctypes, sys\n"
    f"for name in ('{LIBRARY}', 'libflite_cmulex.so.1', 'libflite_usenglish.so.1', 'libflite_cmu_us_rms.so.1'):\n"
    "    ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)\n"
)
_COMMAND_LIMIT_S: Final = 180.0


class FliteNotInstallable(Exception):
    """libflite can neither be found nor downloaded here; the message says why."""


def installed_folder(cache: Path) -> Path | None:
    """Returns the folder of the libraries that `install` has put into `cache`, None if it has not."""
    target = cache / "flite"
    found = next(target.glob(f"**/{LIBRARY}"), None) if target.is_dir() else None
    return None if found is None else found.parent


def install(cache: Path | None = None, *, ignore_system: bool = False) -> Path | None:
    """Makes libflite available; returns the folder of its libraries, None if the system has them.

    Args:
        cache: The project's cache folder by default.
        ignore_system: Install a copy even if the system has one.

    Raises:
        FliteNotInstallable: No apt, no mirror, or libraries that do not load.
    """
    root = (cache or cache_dir()).absolute()
    if not ignore_system and _loads(None):
        return None
    root.mkdir(parents=True, exist_ok=True)
    with (root / "flite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = installed_folder(root)
        if folder is not None and _loads(folder):
            return folder
        return _download(root)


def _download(root: Path) -> Path:
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FliteNotInstallable(f"{tool} is not here; install the package {_PACKAGE} by your system's means")
    with tempfile.TemporaryDirectory(prefix="flite-", dir=root) as scratch:
        work = Path(scratch)
        options = _apt_options(work)
        for package in _packages(options, work):
            _run(["apt-get", *options, "download", package], work)
        unpacked = work / "unpacked"
        for archive in sorted(work.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(archive), str(unpacked)], work)
        libraries = next(unpacked.glob(f"**/{LIBRARY}"), None)
        if libraries is None or not _loads(libraries.parent):
            raise FliteNotInstallable("the downloaded libraries do not load on this system")
        target = root / "flite"
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    folder = installed_folder(root)
    assert folder is not None
    return folder


def _apt_options(work: Path) -> list[str]:
    """Options for apt without root: the system's package lists if it has them, else lists of our own."""
    own = [
        "-o", f"Dir::Cache={work / 'cache'}",
        "-o", "Debug::NoLocking=1",
        "-o", "APT::Sandbox::User=",
    ]  # fmt: skip
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    if _knows_package(own, work):
        return own
    lists = work / "lists"
    (lists / "partial").mkdir(parents=True)
    own += ["-o", f"Dir::State::Lists={lists}"]
    _run(["apt-get", *own, "update"], work)
    if not _knows_package(own, work):
        raise FliteNotInstallable(f"apt's sources have no package {_PACKAGE}")
    return own


def _knows_package(options: Sequence[str], work: Path) -> bool:
    try:
        # An installed package is known without lists too, but cannot be downloaded.
        return _PACKAGE in _run(["apt-get", *options, "download", "--print-uris", _PACKAGE], work)
    except FliteNotInstallable:
        return False


def _packages(options: Sequence[str], work: Path) -> list[str]:
    """The package and what it needs beyond the C library."""
    listed = _run(["apt-cache", *options, "depends", "--recurse", "--important", _PACKAGE], work)
    names = {line.strip() for line in listed.splitlines() if line and not line.startswith((" ", "<", "|"))}
    return sorted(
        name for name in names if name not in _SYSTEM_PACKAGES and not name.startswith("gcc-") and ":" not in name
    )


def _loads(folder: Path | None) -> bool:
    """Whether a new process can load the libraries, from `folder` or the system's own places."""
    environment = dict(os.environ) if folder is None else os.environ | {"LD_LIBRARY_PATH": str(folder)}
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE], env=environment, capture_output=True, check=False, timeout=_COMMAND_LIMIT_S
    )
    return probe.returncode == 0


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        outcome = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise FliteNotInstallable(f"`{command[0]}` takes longer than {_COMMAND_LIMIT_S:g} s") from error
    if outcome.returncode != 0:
        tail = " ".join((outcome.stderr or outcome.stdout).strip().splitlines()[-3:])
        raise FliteNotInstallable(f"`{' '.join(command[:1])}` failed: {tail}")
    return outcome.stdout


def main(arguments: Sequence[str]) -> None:
    """Installs; prints one line. Absent voices are no failure of the set-up. --ignore-system: a copy in any case."""
    try:
        folder = install(ignore_system="--ignore-system" in arguments)
    except FliteNotInstallable as error:
        print(f"flite voices are not available: {error}")
        return
    print(f"flite voices are ready ({'system library' if folder is None else folder})")


if __name__ == "__main__":
    main(sys.argv[1:])
