"""Builds TensorRT engines once per kind of node and leaves a model repository that uses them; an init container.

Runs under the Python of the Triton image, so it uses the standard library only. An engine fits one GPU, compute
capability, TensorRT, driver and model: the key of all these names its folder under `--engines`, which all pods share.
A folder that is there is complete, since builders work in a folder of their own and rename it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

READY_URL = "http://127.0.0.1:{port}/v2/health/ready"
BUILD_LIMIT_S = 1800.0
STOP_LIMIT_S = 90.0
POLL_S = 1.0

_TENSORRT = re.compile(r'name:\s*"tensorrt"')


class EngineCacheError(Exception):
    """No engines can be built here; the message says why."""


def read_gpu() -> str:
    """Returns product, compute capability and driver of the pod's GPU, as nvidia-smi prints them."""
    command = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineCacheError(f"nvidia-smi does not answer: {error}") from error
    gpus = {line.strip() for line in output.splitlines() if line.strip()}
    if len(gpus) != 1:
        raise EngineCacheError(f"one kind of GPU is expected, nvidia-smi lists {sorted(gpus)}")
    return gpus.pop()


def make_key(gpu: str, runtime: str, models: Path) -> str:
    """Returns the folder name for engines of these models on this GPU: hex digits of a SHA-256."""
    digest = hashlib.sha256()
    for part in (gpu, runtime):
        digest.update(part.encode() + b"\0")
    for path in sorted(path for path in models.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(models)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def add_cache(config: str, folder: Path) -> str:
    """Returns a config.pbtxt whose TensorRT accelerator keeps engines and timings in `folder`."""
    options = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
    }
    added = " ".join(f'parameters {{ key: "{key}" value: "{value}" }}' for key, value in options.items())
    return _TENSORRT.sub(lambda match: f"{match.group()} {added}", config)


def lay_repository(models: Path, served: Path, engines: Path) -> None:
    """Copies the repository to `served`; its configurations name the engines of each model below `engines`."""
    for child in served.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    for model in sorted(path for path in models.iterdir() if path.is_dir()):
        shutil.copytree(model, served / model.name)
        config = served / model.name / "config.pbtxt"
        config.write_text(add_cache(config.read_text(), engines / model.name))


def build(served: Path, engines: Path, names: Sequence[str], port: int) -> None:
    """Lets Triton load and warm up every model, which writes the engines.

    Raises:
        EngineCacheError: Triton ended, was not ready in time, or wrote no engine.
    """
    for name in names:
        (engines / name).mkdir(parents=True)
    flags = ("model-control-mode=none", "disable-auto-complete-config", "strict-readiness=true", "exit-on-error=true")
    ports = (f"http-port={port}", "http-address=127.0.0.1", "allow-grpc=false", "allow-metrics=false")
    command = ["tritonserver", f"--model-repository={served}", *(f"--{flag}" for flag in (*flags, *ports))]
    server = subprocess.Popen(command)
    end_s = time.monotonic() + BUILD_LIMIT_S
    try:
        while not _is_ready(port):
            if server.poll() is not None:
                raise EngineCacheError(f"tritonserver ended with status {server.returncode} while building")
            if time.monotonic() > end_s:
                raise EngineCacheError(f"the engines were not built within {BUILD_LIMIT_S:g} s")
            time.sleep(POLL_S)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    if not any(path.is_file() for path in engines.rglob("*")):
        raise EngineCacheError("Triton served the models without TensorRT: no engine was written")


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(READY_URL.format(port=port), timeout=2.0) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def prepare(models: Path, engines: Path, served: Path, runtime: str, port: int) -> Path:
    """Makes engines available and lays the repository; returns the folder of the engines."""
    final = engines / make_key(read_gpu(), runtime, models)
    if not final.is_dir():
        partial = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=engines))
        try:
            lay_repository(models, served, partial)
            build(served, partial, [path.name for path in served.iterdir()], port)
            try:
                partial.rename(final)
            except OSError:
                # Another pod was faster; its engines are as good.
                if not final.is_dir():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    lay_repository(models, served, final)
    return final


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the init container; returns the exit status."""
    parser = argparse.ArgumentParser(description="TensorRT engines, built once per kind of node.")
    for name in ("models", "engines", "served"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8000, help="where Triton answers while it builds")
    options = parser.parse_args(arguments)
    try:
        tensorrt = os.environ.get("TRT_VERSION")
        if not tensorrt:
            raise EngineCacheError("TRT_VERSION is not set; images of Triton set it")
        # ONNX Runtime comes with Triton and names its files by its own version too.
        runtime = f"{tensorrt} {os.environ.get('TRITON_SERVER_VERSION', '')}"
        print(prepare(options.models, options.engines, options.served, runtime, options.port))
    except EngineCacheError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
