"""Unpacks Debian packages into the project's cache folder where the system lacks them; needs no root.

apt downloads the packages, with the system's package lists if there are any, else with lists of its own; dpkg-deb
unpacks them. Nothing is installed into the system.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from visage.runtime.cache import cache_dir

# In every Debian: what they bring must match the running system, so never a second copy.
_SYSTEM_PACKAGES: Final = frozenset({"libc6", "libgcc-s1", "libcrypt1"})
_COMMAND_LIMIT_S: Final = 240.0


class NotInstallable(Exception):
    """The packages can neither be found nor downloaded here; the message says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Packages that belong together.

    Attributes:
        name: Of the folder in the cache.
        packages: What is wanted; the libraries they need come along.
        landmark: Name of a file that is there when they are.
        works: Whether they do, from the folder of the landmark, or from the system's own places for None.
    """

    name: str
    packages: tuple[str, ...]
    landmark: str
    works: Callable[[Path | None], bool]

    def installed_folder(self, cache: Path) -> Path | None:
        """Returns the folder of the landmark that `install` has put into `cache`, None if it has not."""
        target = cache / self.name
        found = next(target.glob(f"**/{self.landmark}"), None) if target.is_dir() else None
        return None if found is None else found.parent

    def install(self, cache: Path, *, ignore_system: bool = False) -> Path | None:
        """Makes the packages available; returns the folder of the landmark, None if the system has them.

        Args:
            cache: The project's cache folder.
            ignore_system: Unpack a copy even if the system has one.

        Raises:
            NotInstallable: No apt, no mirror, or packages that do not work here.
        """
        root = cache.absolute()
        if not ignore_system and self.works(None):
            return None
        with locked(root, self.name):
            folder = self.installed_folder(root)
            if folder is not None and self.works(folder):
                return folder
            return self._download(root)

    def _download(self, root: Path) -> Path:
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-", dir=root) as scratch:
            unpacked = unpack(self.packages, Path(scratch))
            landmark = next(unpacked.glob(f"**/{self.landmark}"), None)
            if landmark is None or not self.works(landmark.parent):
                raise NotInstallable("what was downloaded does not work on this system")
            target = root / self.name
            shutil.rmtree(target, ignore_errors=True)
            unpacked.rename(target)
        folder = self.installed_folder(root)
        assert folder is not None
        return folder


def install_command(bundle: Bundle, subject: str, arguments: Sequence[str]) -> None:
    """Installs for a set-up, which goes on without what is absent; prints one line about `subject` ("the voice is").

    `arguments` may hold --ignore-system: a copy in any case.
    """
    try:
        folder = bundle.install(cache_dir(), ignore_system="--ignore-system" in arguments)
    except NotInstallable as error:
        print(f"{subject} not available: {error}")
        return
    print(f"{subject} ready ({'of the system' if folder is None else folder})")


def unpack(packages: Sequence[str], work: Path, with_libraries: bool = True) -> Path:
    """Downloads packages, by default with the libraries they need, and returns the folder that they are unpacked into.

    Raises:
        NotInstallable: No apt, no mirror, or no such packages.
    """
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NotInstallable(
                f"{tool} is not here; install the package {', '.join(packages)} by your system's means"
            )
    options = _apt_options(packages, work)
    wanted = _needed(packages, options, work) if with_libraries else packages
    _run(["apt-get", *options, "download", *wanted], work)
    unpacked = work / "unpacked"
    for archive in sorted(work.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(unpacked)], work)
    return unpacked


@contextmanager
def locked(cache: Path, name: str) -> Iterator[None]:
    """Makes the cache folder and holds a lock in it: of several processes, one installs."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _apt_options(packages: Sequence[str], work: Path) -> list[str]:
    """Options for apt without root: the system's package lists if it has them, else lists of our own."""
    own = [
        "-o", f"Dir::Cache={work / 'cache'}",
        "-o", "Debug::NoLocking=1",
        "-o", "APT::Sandbox::User=",
    ]  # fmt: skip
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    if _knows(packages, own, work):
        return own
    lists = work / "lists"
    (lists / "partial").mkdir(parents=True)
    own += ["-o", f"Dir::State::Lists={lists}"]
    _run(["apt-get", *own, "update"], work)
    if not _knows(packages, own, work):
        raise NotInstallable(f"apt's sources have no package {', '.join(packages)}")
    return own


def _knows(packages: Sequence[str], options: Sequence[str], work: Path) -> bool:
    try:
        # An installed package is known without lists too, but cannot be downloaded.
        listed = _run(["apt-get", *options, "download", "--print-uris", *packages], work)
        return all(package in listed for package in packages)
    except NotInstallable:
        return False


def _needed(packages: Sequence[str], options: Sequence[str], work: Path) -> list[str]:
    """The packages and the libraries they need beyond the C library."""
    direct = _depended_on(_run(["apt-cache", *options, "depends", "--important", *packages], work))
    libraries = sorted(name for name in direct if name.startswith("lib"))
    listed = _run(["apt-cache", *options, "depends", "--recurse", "--important", *libraries], work)
    names = {line.strip() for line in listed.splitlines() if line and not line.startswith((" ", "<", "|"))}
    return sorted(
        name
        for name in {*packages, *libraries, *names}
        if name not in _SYSTEM_PACKAGES
        and ":" not in name
        and (name in packages or (name.startswith("lib") and not name.startswith("gcc-")))
    )


def run_probe(command: Sequence[str], environment: dict[str, str]) -> bool:
    """Returns whether a command ends well with these variables added."""
    try:
        probe = subprocess.run(
            command, env=os.environ | environment, capture_output=True, check=False, timeout=_COMMAND_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _depended_on(listed: str) -> set[str]:
    found = {line.partition("Depends:")[2].strip() for line in listed.splitlines() if "Depends:" in line}
    return {name for name in found if name and not name.startswith("<")}


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        outcome = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstallable(f"`{command[0]}` takes longer than {_COMMAND_LIMIT_S:g} s") from error
    if outcome.returncode != 0:
        tail = " ".join((outcome.stderr or outcome.stdout).strip().splitlines()[-3:])
        raise NotInstallable(f"`{' '.join(command[:1])}` failed: {tail}")
    return outcome.stdout
