"""Start a process that dies with its parent, and end it with all its children, by pid."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_LAUNCHER: Final = """
import ctypes, os, signal, sys
parent, command = int(sys.argv[1]), sys.argv[2:]
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() != parent:
    sys.exit("the parent is gone")
os.execv(command[0], command)
"""
"""Asks the kernel for SIGTERM at the parent's death, then becomes the command: the request survives `execv`.

A process of its own instead of `preexec_fn`, which may deadlock in a parent with threads.
"""


class ChildProcess:
    """A process in a session of its own, which ends when this process ends, however it ends.

    The kernel binds a child's life to the *thread* that started it, so one thread starts it and waits for it.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_path: Path,
        on_exit: Callable[[int], None],
    ) -> None:
        """Start `command`, its output appended to `log_path`; `on_exit(status)` runs in the waiting thread.

        Raises:
            OSError: The command cannot be started.
        """
        self._command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
        self._environment = dict(environment)
        self._log_path = log_path
        self._on_exit = on_exit
        self._started = threading.Event()
        self._exited = threading.Event()
        self._failure: OSError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._start_and_wait, name="triton-server", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def pid(self) -> int:
        """Process id; the process may have ended."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Exit status as `subprocess` gives it; None while the process runs."""
        return None if self._process is None else self._process.returncode

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; return whether it came in time."""
        return self._exited.wait(timeout_s)

    def kill(self) -> None:
        """End the process at once, unless it has ended."""
        if not self._exited.is_set():
            _signal(self.pid, signal.SIGKILL)

    def stop(self, timeout_s: float) -> None:
        """End the process by SIGTERM, after `timeout_s` by SIGKILL, and then the children it leaves."""
        children = descendants(self.pid)
        if not self._exited.is_set():
            _signal(self.pid, signal.SIGTERM)
            if not self.wait(timeout_s):
                children |= descendants(self.pid)
                self.kill()
                self._exited.wait()
        end_orphans(children)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _start_and_wait(self) -> None:
        try:
            with self._log_path.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        status = self._process.wait()
        self._exited.set()
        self._on_exit(status)


Identity = tuple[int, int]
"""Process id and start time in clock ticks: a pid alone may be reused."""


def descendants(pid: int) -> set[Identity]:
    """Return children, grandchildren and so on of a process."""
    children: dict[int, list[Identity]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _stat(int(folder.name))) is not None:
            parent, started = stat
            children.setdefault(parent, []).append((int(folder.name), started))
    found: set[Identity] = set()
    pending = [pid]
    while pending:
        for child in children.get(pending.pop(), []):
            found.add(child)
            pending.append(child[0])
    return found


def wait_any_exit(processes: set[Identity]) -> int | None:
    """Wait until one of the processes ends; return its pid, or None if there are none."""
    poll = select.poll()
    descriptors: dict[int, int] = {}
    try:
        for process in processes:
            try:
                descriptor = os.pidfd_open(process[0])
            except ProcessLookupError:
                return process[0]
            descriptors[descriptor] = process[0]
            if not _is_alive(process):
                return process[0]
            poll.register(descriptor, select.POLLIN)
        return descriptors[poll.poll()[0][0]] if descriptors else None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def end_orphans(processes: set[Identity], grace_s: float = 2.0) -> None:
    """Give processes whose parent is gone a moment to end, then kill them."""
    deadline = time.monotonic() + grace_s
    while alive := {process for process in processes if _is_alive(process)}:
        if time.monotonic() > deadline:
            for pid, _ in alive:
                _signal(pid, signal.SIGKILL)
            return
        time.sleep(0.02)


def _is_alive(process: Identity) -> bool:
    pid, started = process
    stat = _stat(pid)
    return stat is not None and stat[1] == started


def _stat(pid: int) -> tuple[int, int] | None:
    """Parent's pid and start time from /proc, see proc(5); None if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name stands in parentheses and may hold anything.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else (int(fields[1]), int(fields[19]))


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
