"""promtool: from PATH, or unpacked without root from Debian's package `prometheus` into the project's cache folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from k8s.checks.manifest import Manifest, name_of
from visage.runtime.cache import cache_dir
from visage.runtime.debian_install import locked, unpack

_PACKAGE: Final = "prometheus"
_COMMAND_LIMIT_S: Final = 240.0


def find(cache: Path | None = None) -> str:
    """Returns promtool's path, after installing it if need be.

    Raises:
        NotInstallable: It is not on PATH, and there is no apt or no mirror.
    """
    on_path = shutil.which("promtool")
    if on_path is not None:
        return on_path
    root = (cache or cache_dir()).absolute()
    target = root / "promtool"
    with locked(root, target.name):
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix="promtool-", dir=root) as scratch:
                unpacked = unpack([_PACKAGE], Path(scratch), with_libraries=False)
                (unpacked / "usr" / "bin" / target.name).rename(target)
    return str(target)


def failures(manifest: Manifest, tests: Path) -> Iterator[str]:
    """Yields what promtool says against the manifest's rules: `check rules`, then the unit tests in `tests`."""
    tool = find()
    with tempfile.TemporaryDirectory(prefix="visage-rules-") as scratch:
        folder = Path(scratch)
        rules = manifest.of("PrometheusRule")
        groups = [group for item in rules for group in item["spec"]["groups"]]
        if not groups:
            yield f"{manifest.name}: no PrometheusRule to test"
            return
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
        shutil.copy(tests, folder / tests.name)
        for verb in (["check", "rules", "rules.yaml"], ["test", "rules", tests.name]):
            outcome = subprocess.run(
                [tool, *verb], cwd=folder, capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
            )
            if outcome.returncode != 0:
                names = ", ".join(name_of(item) for item in rules)
                yield f"promtool {verb[0]} rules ({names}): {outcome.stdout}{outcome.stderr}".strip()
