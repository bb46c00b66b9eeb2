"""Writes SHA256SUMS for the model volume after checking the models against their manifest; standard library only.

Runs in the build stage of models.Dockerfile: `python model_sums.py ROOT`, where ROOT holds `models/manifest.toml` and
`model_repository/`. Triton's pod checks the sums with sha256sum before it serves.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

MANIFEST = Path("models") / "manifest.toml"
REPOSITORY = Path("model_repository")
SUMS = Path("SHA256SUMS")


def sums(root: Path) -> str:
    """Returns one line "<sha256>  <path>" for each file of the repository.

    Raises:
        ValueError: A model is not the one of the manifest, is missing, or is not in the manifest.
    """
    manifest = tomllib.loads((root / MANIFEST).read_text())
    lines = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / REPOSITORY).rglob("*"))
        if path.is_file()
    }
    found = {path.parents[1].name for path in (root / REPOSITORY).glob("*/1/model.onnx")}
    if found != manifest.keys():
        raise ValueError(f"manifest and repository differ in {sorted(found ^ manifest.keys())}")
    for model, entry in manifest.items():
        if lines[f"{REPOSITORY}/{model}/1/model.onnx"] != entry["sha256"]:
            raise ValueError(f"{model}: model.onnx is not the file of the manifest")
    return "".join(f"{digest}  {name}\n" for name, digest in lines.items())


def main(arguments: Sequence[str]) -> int:
    """Writes the file; returns the exit status."""
    root = Path(arguments[0] if arguments else ".")
    try:
        (root / SUMS).write_text(sums(root))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
