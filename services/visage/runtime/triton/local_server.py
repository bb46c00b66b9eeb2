"""The embedded Triton server: start it, notice when it dies, stop it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from visage.runtime.cache import cache_dir
from visage.runtime.triton.errors import ServerCrashed, ServerStartFailed
from visage.runtime.triton.installation import Installation, install
from visage.runtime.triton.processes import ChildProcess, descendants, end_orphans, wait_any_exit
from visage.runtime.triton.server_command import Ports, bind_ports, find_ports, is_ready, make_command
from visage.runtime.triton.server_logs import read_tail, remove_old_files
from visage.runtime.triton.settings import LocalTritonSettings
from visage.runtime.triton.vits_graph import NotAVoice
from visage.runtime.triton.voice_folders import Layout


class LocalTriton:
    """A real tritonserver on loopback, in a process that does not outlive this one.

    Use it as an (async) context manager, or call `start` and `stop`. Several may run side by side.

    Attributes:
        log_path: Output of server and model processes; a clean stop removes it unless a log folder is set.
    """

    def __init__(
        self,
        model_repository: Path | Sequence[Path],
        models: Sequence[str] | None = None,
        settings: LocalTritonSettings | None = None,
        on_crash: Callable[[ServerCrashed], None] | None = None,
        installation: Installation | None = None,
    ) -> None:
        """Describe a server; nothing is started.

        Args:
            model_repository: Folder or folders with one model each per subfolder; Piper voices as `voice_folders`
                describes are made servable at each start.
            models: Names of the models to load; all by default.
            settings: Ports, limits, timeouts; from the environment by default.
            on_crash: Called from another thread when a server that was ready ends on its own.
            installation: Where the server lies; `install()` by default.
        """
        folders = [model_repository] if isinstance(model_repository, Path) else list(model_repository)
        self._layout = Layout([folder.absolute() for folder in folders])
        self._models = None if models is None else list(models)
        self._settings = settings or LocalTritonSettings()
        self._on_crash = on_crash
        self._installation = installation
        # One prefix per server, or two would take each other's shared memory for a leftover and delete it.
        self._name = f"visage-{os.getpid()}-{secrets.token_hex(4)}"
        self.log_path = (self._settings.log_dir or cache_dir() / "triton" / "logs") / f"{self._name}.log"
        self._ports: Ports | None = None
        self._process: ChildProcess | None = None
        self._children: set[tuple[int, int]] = set()
        self._is_ready = False
        self._is_stopping = False
        self._crash: ServerCrashed | None = None
        self._crash_reason = ""
        self._crashed = threading.Event()
        self._lock = threading.Lock()

    @property
    def grpc_url(self) -> str:
        """`host:port` for gRPC; known once the server has been started."""
        return f"{self._settings.host}:{self._known_ports().grpc}"

    @property
    def http_url(self) -> str:
        """`host:port` for HTTP; known once the server has been started."""
        return f"{self._settings.host}:{self._known_ports().http}"

    @property
    def metrics_url(self) -> str:
        """Address of the Prometheus metrics; known once the server has been started."""
        return f"http://{self._settings.host}:{self._known_ports().metrics}/metrics"

    @property
    def pid(self) -> int | None:
        """Process id of the running server; None if none runs."""
        if self._process is None or self._process.exit_status is not None:
            return None
        return self._process.pid

    @property
    def crash(self) -> ServerCrashed | None:
        """How the server died, if it died on its own since the last start."""
        return self._crash

    def start(self) -> None:
        """Start the server and wait until every model is loaded and warm.

        Raises:
            ServerInstallFailed: The server is not there and cannot be installed.
            ServerStartFailed: It died or took too long; the message ends with the log's last lines.
        """
        if self.pid is not None:
            return
        if self._installation is None:
            self._installation = install()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        remove_old_files(self.log_path.parent, "visage-*.log")
        remove_old_files(self._installation.compiled, "*.blob")
        may_move = self._ports is None
        for attempts_left in (2, 1, 0):
            try:
                self._start_once(self._installation)
                return
            except BaseException as error:
                self._discard()
                # A port that was free a moment ago may be taken by now.
                if not (may_move and attempts_left and "already in use" in str(error)):
                    raise
                self._ports = None

    def stop(self) -> None:
        """Stop the server and every process and file it made; do nothing if none runs."""
        was_crashed = self._crash is not None
        self._discard()
        if not was_crashed and self._settings.log_dir is None:
            self.log_path.unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop the server, if it runs, and start it again on the same ports."""
        self._discard()
        self.start()

    def wait_crashed(self, timeout_s: float | None = None) -> ServerCrashed | None:
        """Wait until the server dies on its own; None if it did not within `timeout_s`."""
        self._crashed.wait(timeout_s)
        return self._crash

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be cancelled: end what it started, wait for it, and end what it started since.
            await asyncio.to_thread(self.stop)
            await asyncio.gather(starting, return_exceptions=True)
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _known_ports(self) -> Ports:
        if self._ports is None:
            raise RuntimeError("the server has not been started")
        return self._ports

    def _start_once(self, installation: Installation) -> None:
        try:
            self._ports = bind_ports(self._settings.host, self._ports or find_ports(self._settings))
        except OSError as error:
            raise ServerStartFailed(f"a port of Triton cannot be used: {error}", self.log_path) from error
        self._is_ready = self._is_stopping = False
        self._crash = None
        self._crash_reason = ""
        self._crashed.clear()
        process = self._load_models(installation, self._lay_out())
        with self._lock:
            self._children = descendants(process.pid)
            self._is_ready = True
        threading.Thread(target=self._watch_models, args=(process,), name="triton-models", daemon=True).start()
        if process.exit_status is not None:
            self._report_crash(process.exit_status)

    def _load_models(self, installation: Installation, repositories: Sequence[Path]) -> ChildProcess:
        """Starts the process and returns it once all models are ready."""
        ports = self._known_ports()
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        command = make_command(installation, self._settings, ports, repositories, self._models, shm_prefix=self._name)
        process = ChildProcess(command, installation.environment, self.log_path, self._exited)
        self._process = process
        deadline = time.monotonic() + self._settings.start_timeout_s
        while not is_ready(self._settings.host, ports.http):
            if process.wait(0.1):
                reason = f"Triton ended with status {process.exit_status} while starting"
            elif time.monotonic() > deadline:
                reason = f"Triton was not ready after {self._settings.start_timeout_s:g} s"
            else:
                continue
            tail = read_tail(self.log_path, log_start)
            raise ServerStartFailed(f"{reason}; see {self.log_path}, which ends with:\n{tail}", self.log_path)
        return process

    def _lay_out(self) -> list[Path]:
        try:
            return self._layout.make()
        except (NotAVoice, OSError) as error:
            raise ServerStartFailed(f"a voice cannot be served: {error}", self.log_path) from error

    def _watch_models(self, process: ChildProcess) -> None:
        """Turn the death of a model process into a crash: Triton does not start it again and calls itself ready."""
        pid = wait_any_exit(self._children)
        with self._lock:
            if pid is None or self._is_stopping or process.exit_status is not None:
                return
            self._crash_reason = f"model process {pid} of Triton died"
        process.kill()

    def _exited(self, status: int) -> None:
        """Runs in the thread that waits for the server."""
        with self._lock:
            unexpected = self._is_ready and not self._is_stopping
        if unexpected:
            self._report_crash(status)

    def _report_crash(self, status: int) -> None:
        with self._lock:
            if self._crash is not None:
                return
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
            tail = read_tail(self.log_path)
            reason = self._crash_reason or f"Triton ended with {how}"
            message = f"{reason}; see {self.log_path}, which ends with:\n{tail}"
            self._crash = ServerCrashed(message, status, self.log_path)
        end_orphans(self._children)
        self._remove_shared_memory()
        self._crashed.set()
        if self._on_crash is not None:
            self._on_crash(self._crash)

    def _discard(self) -> None:
        with self._lock:
            self._is_stopping = True
        if self._process is not None:
            self._process.stop(self._settings.stop_timeout_s)
            self._process = None
        self._layout.remove()
        self._remove_shared_memory()

    def _remove_shared_memory(self) -> None:
        for leftover in Path("/dev/shm").glob(f"{self._name}*"):
            leftover.unlink(missing_ok=True)
