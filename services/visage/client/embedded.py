"""A whole mesh on this machine: Triton and the four services as child processes on loopback.

The client knows the services by their command lines only; nothing of them is imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from visage.client.connection import SERVICES
from visage.client.errors import Unavailable
from visage.client.settings import ClientSettings
from visage.client.visage import AsyncVisage

FIXED_PORTS = {"identity": 50051, "speech": 50052, "animation": 50053, "composition": 50054}
TRITON_PORTS = {"GRPC": 8001, "HTTP": 8000, "METRICS": 8002}
START_TIMEOUT_S = 300.0
"""First start compiles the models and may install Triton."""


def find_model_repository() -> Path:
    """Returns the model repository: `VISAGE_MODEL_REPOSITORY`, or the one beside the sources.

    Raises FileNotFoundError when neither is there.
    """
    named = os.environ.get("VISAGE_MODEL_REPOSITORY")
    if named:
        return Path(named)
    beside = Path(__file__).resolve().parents[3] / "model_repository"
    if beside.is_dir():
        return beside
    raise FileNotFoundError("no model repository: set VISAGE_MODEL_REPOSITORY to the folder of the models")


POLL_S = 0.05

STOP_TIMEOUT_S = 40.0
"""Longer than the services' grace for running calls."""


@dataclass(slots=True)
class _Child:
    """One process of the mesh; its output goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass
class EmbeddedMesh:
    """Starts everything, waits until all of it serves, and stops it again.

    `fixed_ports` binds the documented ports (for `visage up`), otherwise free ones. `environment` is added to every
    process. Logs lie in `log_dir`, by default a temporary folder that goes with the mesh.
    """

    fixed_ports: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    log_dir: Path | None = None

    def __post_init__(self) -> None:
        self._children: list[_Child] = []
        self._commands: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.settings = ClientSettings()
        self.triton_url = ""
        self.triton_metrics_port = ""
        self.pids: dict[str, int] = {}

    async def start(self) -> None:
        """Starts the processes; raises Unavailable with the log's tail when one of them dies."""
        if self.log_dir is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="visage-mesh-")
            self.log_dir = Path(self._scratch.name)
        self.log_dir.mkdir(parents=True, exist_ok=True)
        ports = dict(FIXED_PORTS) if self.fixed_ports else _free_ports(SERVICES)
        triton_ports = dict(TRITON_PORTS) if self.fixed_ports else _free_ports(tuple(TRITON_PORTS))
        addresses = {f"{name}_address": f"127.0.0.1:{port}" for name, port in ports.items()}
        self.settings = ClientSettings(**addresses)  # type: ignore[arg-type]  # names are the settings' own
        self.triton_url = f"127.0.0.1:{triton_ports['GRPC']}"
        self.triton_metrics_port = str(triton_ports["METRICS"])
        shared = {f"VISAGE_{key.upper()}": value for key, value in addresses.items()}
        shared["VISAGE_TRITON_URL"] = self.triton_url
        # No load balancer has to notice that a service of this mesh is going.
        shared["VISAGE_DRAIN_WAIT_S"] = "0"
        # One person's machine takes what comes, if need be slower than live; measuring would delay every start.
        shared["VISAGE_STREAM_CAPACITY"] = "16"
        shared |= {f"VISAGE_TRITON_SERVER_{key}_PORT": str(port) for key, port in triton_ports.items()}
        repository = str(find_model_repository())
        triton = ("visage.runtime.triton.local", "run", "--model-repository", repository)
        try:
            self._spawn("triton", triton, shared)
            for name in SERVICES:
                own = {f"VISAGE_{name.upper()}_PORT": str(ports[name])}
                self._spawn(name, (f"visage.{name}",), shared | own)
            await self._wait_serving()
        except BaseException:
            await self.stop()
            raise

    async def stop_one(self, name: str) -> None:
        """Ends one process of the mesh ("triton" or a service) and waits for it."""
        child = next(child for child in self._children if child.name == name)
        self._children.remove(child)
        await _end(child)

    async def start_one(self, name: str) -> None:
        """Starts a process again that `stop_one` ended, on the same port; returns before it serves."""
        self._spawn(name, *self._commands[name])

    def _spawn(self, name: str, module: Sequence[str], variables: Mapping[str, str]) -> None:
        assert self.log_dir is not None
        self._commands[name] = (module, variables)
        log = self.log_dir / f"{name}.log"
        environment = {**os.environ, **variables, **self.environment}
        with log.open("ab") as output:
            # No asyncio subprocess: it belongs to one event loop, and a mesh may outlive the loop that started it.
            process = subprocess.Popen(
                [sys.executable, "-m", "visage.runtime.tether", str(os.getpid()), *module],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self._children.append(_Child(name, process, log))
        self.pids[name] = process.pid

    async def _wait_serving(self) -> None:
        async with AsyncVisage(self.settings) as visage:
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    while True:
                        self._check_alive()
                        states = await visage.status(timeout_s=1.0)
                        if all(state == "serving" for state in states.values()):
                            return
                        await asyncio.sleep(0.1)
            except TimeoutError:
                missing = ", ".join(f"{name} is {state}" for name, state in states.items() if state != "serving")
                raise Unavailable(f"the mesh is not ready after {START_TIMEOUT_S:g} s: {missing}") from None

    def _check_alive(self) -> None:
        for child in self._children:
            if child.process.poll() is not None:
                tail = "\n".join(child.log.read_text(errors="replace").splitlines()[-20:])
                raise Unavailable(f"{child.name} ended with status {child.process.returncode}:\n{tail}")

    async def wait(self) -> str:
        """Returns the name of the first process that ends by itself."""
        while True:
            for child in self._children:
                if child.process.poll() is not None:
                    return child.name
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Ends every process by its pid: services first, Triton last."""
        for child in reversed(self._children):
            _ask_to_end(child)
        for child in reversed(self._children):
            await _end(child)
        self._children.clear()
        self.pids.clear()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None
            self.log_dir = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _ask_to_end(child: _Child) -> None:
    if child.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(signal.SIGTERM)


async def _end(child: _Child) -> None:
    """Sends SIGTERM, and SIGKILL to whoever does not listen."""
    _ask_to_end(child)
    end_s = time.monotonic() + STOP_TIMEOUT_S
    while child.process.poll() is None:
        if time.monotonic() > end_s:
            child.process.kill()
        await asyncio.sleep(POLL_S)


def _free_ports(names: Sequence[str]) -> dict[str, int]:
    sockets = [socket.socket() for _ in names]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return {name: int(item.getsockname()[1]) for name, item in zip(names, sockets, strict=True)}
    finally:
        for item in sockets:
            item.close()
