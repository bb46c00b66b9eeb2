"""promtool: from PATH, or unpacked without root from Debian's package `prometheus` into the project's cache folder."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from k8s.checks.manifest import Manifest, name_of
from visage.runtime.cache import cache_dir

_PACKAGE: Final = "prometheus"
_COMMAND_LIMIT_S: Final = 240.0


class PromtoolMissing(Exception):
    """promtool can neither be found nor downloaded here; the message says why."""


def find(cache: Path | None = None) -> str:
    """Returns promtool's path, after installing it if need be.

    Raises:
        PromtoolMissing: It is not on PATH, and there is no apt or no mirror.
    """
    on_path = shutil.which("promtool")
    if on_path is not None:
        return on_path
    root = (cache or cache_dir()).absolute()
    root.mkdir(parents=True, exist_ok=True)
    target = root / "promtool"
    with (root / "promtool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _download(root, target)
    return str(target)


def _download(root: Path, target: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PromtoolMissing(f"{tool} is not here; put promtool on PATH by your system's means")
    with tempfile.TemporaryDirectory(prefix="promtool-", dir=root) as scratch:
        work = Path(scratch)
        _run(["apt-get", *_apt_options(work), "download", _PACKAGE], work)
        archive = next(work.glob("*.deb"))
        _run(["dpkg-deb", "-x", str(archive), str(work / "unpacked")], work)
        (work / "unpacked" / "usr" / "bin" / "promtool").rename(target)


def _apt_options(work: Path) -> list[str]:
    """Options for apt without root: the system's package lists if it has them, else lists of our own."""
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    own = ["-o", f"Dir::Cache={work / 'cache'}", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="]
    try:
        _run(["apt-get", *own, "download", "--print-uris", _PACKAGE], work)
    except PromtoolMissing:
        (work / "lists" / "partial").mkdir(parents=True)
        own += ["-o", f"Dir::State::Lists={work / 'lists'}"]
        _run(["apt-get", *own, "update"], work)
    return own


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        outcome = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise PromtoolMissing(f"`{command[0]}` takes longer than {_COMMAND_LIMIT_S:g} s") from error
    if outcome.returncode != 0:
        tail = " ".join((outcome.stderr or outcome.stdout).strip().splitlines()[-3:])
        raise PromtoolMissing(f"`{command[0]}` failed: {tail}")
    return outcome.stdout


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
