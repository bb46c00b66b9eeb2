"""`python -m k8s.checks [--release] [OVERLAY…]`: prints findings, one a line; exit status 1 if there are any."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from k8s.checks import promtool, schemas
from k8s.checks.manifest import Manifest
from k8s.checks.render import OVERLAYS, RenderError, overlay_names, render
from k8s.checks.rules import RULES, images
from visage.runtime.debian_install import NotInstallable

RULE_TESTS: Final = OVERLAYS.parent / "components" / "monitoring" / "rules_test.yaml"


def findings(manifest: Manifest, is_release: bool) -> Iterator[str]:
    """Yields what is wrong with an overlay."""
    for item in manifest.objects:
        yield from schemas.violations(item)
    for name, check in RULES.items():
        yield from (f"{name}: {finding}" for finding in check(manifest))
    if is_release:
        yield from (f"release: {finding}" for finding in images.check_release(manifest))


def run(folders: Sequence[Path], is_release: bool) -> Iterator[str]:
    """Yields what is wrong with the overlays and with the alerts' tests."""
    alerting: list[Manifest] = []
    for folder in folders:
        try:
            manifest = render(folder)
        except RenderError as error:
            yield str(error)
            continue
        yield from (f"{manifest.name}: {finding}" for finding in findings(manifest, is_release))
        alerting += [manifest] if manifest.of("PrometheusRule") else []
        print(f"{manifest.name}: {len(manifest.objects)} objects", flush=True)
    if alerting:
        try:
            # One of them: the rules come from one component.
            yield from promtool.failures(alerting[0], RULE_TESTS)
        except NotInstallable as error:
            yield f"promtool is not available: {error}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m k8s.checks", description="Checks the overlays of k8s/.")
    parser.add_argument("overlays", nargs="*", help="names below k8s/overlays, or folders; all by default")
    parser.add_argument("--release", action="store_true", help="refuse digests that are still to be filled in")
    options = parser.parse_args(arguments)
    names = options.overlays or overlay_names()
    folders = [OVERLAYS / name if (OVERLAYS / name).is_dir() else Path(name) for name in names]
    found = list(run(folders, options.release))
    for finding in found:
        print(finding, file=sys.stderr)
    print(f"{len(folders)} overlays, Kubernetes {', '.join(schemas.MINORS)}: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
