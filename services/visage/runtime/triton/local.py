"""The embedded Triton server on the command line:

python -m visage.runtime.triton.local install
python -m visage.runtime.triton.local run --model-repository DIR [--models a,b]
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from visage.runtime.triton.errors import TritonError
from visage.runtime.triton.installation import Installation, install
from visage.runtime.triton.local_server import LocalTriton


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m visage.runtime.triton.local", description="Embedded Triton.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install the server under the cache folder")
    run = commands.add_parser("run", help="serve a model repository until interrupted")
    run.add_argument("--model-repository", type=Path, action="append", required=True, help="may be repeated")
    run.add_argument("--models", type=lambda text: text.split(","), help="comma-separated names; all by default")
    options = parser.parse_args(arguments)
    try:
        installation = install(report=lambda line: print(line, file=sys.stderr, flush=True))
        if options.command == "install":
            print(installation.tritonserver)
            return 0
        return _serve(options.model_repository, options.models, installation)
    except TritonError as error:
        print(error, file=sys.stderr)
        return 1
    except _Interrupted:
        return 0


def _serve(repositories: list[Path], models: list[str] | None, installation: Installation) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with LocalTriton(repositories, models, installation=installation) as server:
        print(f"grpc {server.grpc_url}  http {server.http_url}  metrics {server.metrics_url}", flush=True)
        print(f"pid {server.pid}  log {server.log_path}", flush=True)
        print(server.wait_crashed(), file=sys.stderr)
    return 1


class _Interrupted(BaseException):
    """A signal asked the command to end, perhaps while the server is still starting."""


def _interrupt(*_: object) -> None:
    raise _Interrupted


if __name__ == "__main__":
    sys.exit(main())
