"""The record of every committed ONNX file: its digest, its size and how it is made.

A model joins by a table in manifest.toml and a folder of its name in model_repository. Keys:
`origin` ("converted" from a pinned package, "trained" or "composed" here), `sha256`, `bytes`, and, when the file
can be rebuilt, `export` (a module with `build_onnx(sources) -> bytes`), `evaluate` (a module with
`measure(content, sources) -> list[Measurement]`) and `requires` (modules that the rebuild imports).
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "models" / "manifest.toml"
REPOSITORY = ROOT / "model_repository"
_HEADER = "# Committed ONNX files and how they are made; written by `python -m models.build --write`.\n"


@dataclass(frozen=True)
class Entry:
    """One model of the manifest."""

    name: str
    origin: str
    sha256: str = ""
    bytes: int = 0
    export: str = ""
    evaluate: str = ""
    requires: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where Triton reads the file."""
        return REPOSITORY / self.name / "1" / "model.onnx"

    def recorded(self, content: bytes) -> Entry:
        """The same entry with the digest and size of `content`."""
        return replace(self, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))

    def describes(self, content: bytes) -> bool:
        """Whether `content` is the recorded file."""
        return self.sha256 == hashlib.sha256(content).hexdigest()


def read_manifest(path: Path = MANIFEST) -> dict[str, Entry]:
    """All entries by name. Raises TypeError for an unknown key."""
    tables = tomllib.loads(path.read_text())
    return {
        name: Entry(name=name, **{**table, "requires": tuple(table.get("requires", ()))})
        for name, table in tables.items()
    }


def write_manifest(entries: dict[str, Entry], path: Path = MANIFEST) -> None:
    """Writes the entries in alphabetical order."""
    path.write_text(_HEADER + "".join(_table(entries[name]) for name in sorted(entries)))


def _table(entry: Entry) -> str:
    lines = [f'\n[{entry.name}]\norigin = "{entry.origin}"\nsha256 = "{entry.sha256}"\nbytes = {entry.bytes}']
    if entry.export:
        lines.append(f'export = "{entry.export}"')
    if entry.evaluate:
        lines.append(f'evaluate = "{entry.evaluate}"')
    if entry.requires:
        lines.append("requires = [" + ", ".join(f'"{module}"' for module in entry.requires) + "]")
    return "\n".join(lines) + "\n"
