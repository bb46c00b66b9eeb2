"""Rebuilds the ONNX files of model_repository and proves that they are the committed ones.

`python -m models.build` rebuilds every model whose tools are installed, compares the bytes with the
manifest and runs the parity gate. `--check` only compares the committed files with the manifest.
`--write` replaces files and digests after a change of the recipe, provided that the parity gate passes;
`--write NAME` also records a file that was trained and exported by its own recipe.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from models.conversion.manifest import ROOT, Entry, read_manifest, write_manifest
from models.conversion.sources import SourceError, Sources


class BuildFailed(Exception):
    """A model is not what the manifest says, or fails its parity gate."""


def committed(entry: Entry) -> bytes:
    """The file in model_repository. Raises BuildFailed when it is absent."""
    if not entry.path.exists():
        raise BuildFailed(f"{entry.path.relative_to(ROOT)} is missing")
    return entry.path.read_bytes()


def check(entry: Entry) -> Entry:
    """Returns the entry. Raises BuildFailed when the committed file is absent or not the recorded one."""
    if not entry.describes(committed(entry)):
        raise BuildFailed("the committed file does not have the recorded sha256")
    return entry


def rebuild(entry: Entry, sources: Sources) -> bytes:
    """Makes the file anew and measures it. Raises BuildFailed when a measurement is over its limit."""
    content: bytes = import_module(entry.export).build_onnx(sources)
    measurements = import_module(entry.evaluate).measure(content, sources) if entry.evaluate else []
    for measurement in measurements:
        verdict = "ok" if measurement.passed else "OVER THE LIMIT"
        print(
            f"  {measurement.name}: {measurement.value:.2g} {measurement.unit}"
            f" (limit {measurement.limit:.2g}) {verdict}"
        )
    if not all(measurement.passed for measurement in measurements):
        raise BuildFailed("the parity gate is not passed")
    return content


def missing_tools(entry: Entry) -> list[str]:
    """Modules that the rebuild imports and that are not installed."""
    return [module for module in entry.requires if find_spec(module) is None]


def build(entry: Entry, sources: Sources, accept: bool) -> Entry:
    """Rebuilds one model as far as its tools allow; returns its entry, changed only when `accept`."""
    missing = missing_tools(entry)
    if not entry.export or missing:
        reason = f"{', '.join(missing)} not installed" if missing else "its weights are the source"
        done = "recorded" if accept else "checked"
        print(f"{entry.name}: rebuild skipped ({reason}), the committed file is {done}")
        return entry.recorded(committed(entry)) if accept else check(entry)
    print(f"{entry.name}: rebuilding")
    content = rebuild(entry, sources)
    if accept:
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        entry.path.write_bytes(content)
        return entry.recorded(content)
    if not entry.describes(content):
        raise BuildFailed("the rebuilt file differs from the recorded sha256")
    print(f"  {len(content):,} bytes, sha256 {entry.sha256[:16]}…: as committed")
    return check(entry)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line of `python -m models.build`."""
    parser = argparse.ArgumentParser(prog="python -m models.build", description="Rebuild and check the models.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to work on (default: all)")
    parser.add_argument("--check", action="store_true", help="only compare committed files with the manifest")
    parser.add_argument("--write", action="store_true", help="accept rebuilt files and record their digests")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "models", help="folder for downloaded packages")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Returns 0 when every model is as recorded, 1 otherwise."""
    options = parse_arguments(arguments)
    entries = read_manifest()
    if options.write:
        entries |= {name: Entry(name, "trained") for name in options.names if name not in entries}
    unknown = sorted(set(options.names) - set(entries))
    if unknown:
        print(f"not in models/manifest.toml: {', '.join(unknown)}", file=sys.stderr)
        return 1
    sources = Sources(options.cache)
    failures = 0
    for name in options.names or sorted(entries):
        try:
            if options.check:
                check(entries[name])
                print(f"{name}: as recorded")
            else:
                entries[name] = build(entries[name], sources, accept=options.write)
        except (BuildFailed, SourceError) as error:
            failures += 1
            print(f"{name}: {error}", file=sys.stderr)
    if options.write:
        write_manifest({name: entry for name, entry in entries.items() if entry.sha256})
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
