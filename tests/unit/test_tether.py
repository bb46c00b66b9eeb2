"""Children end: with their parent, and when they are told to."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from visage.runtime.tether import kill

pytestmark = pytest.mark.unit

FLOOD = "import sys, time; sys.stdout.buffer.write(b'x' * 4_000_000); sys.stdout.flush(); time.sleep(60)"


async def test_a_child_whose_output_nobody_reads_is_killed() -> None:
    """The wait for a killed child ends although megabytes of its output were never read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FLOOD, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readexactly(10)
    await asyncio.wait_for(kill(process), 10)

    assert process.returncode == -9


async def test_a_tethered_module_ends_with_its_parent() -> None:
    """When the process that started it is killed, a tethered module ends as well."""
    parent = (
        "import os, subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-m', 'visage.runtime.tether', str(os.getpid()), 'timeit', "
        "'-n1', '-r1', 'import time; time.sleep(60)']); print(child.pid, flush=True); time.sleep(60)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    child_pid = int(await process.stdout.readline())
    await asyncio.sleep(1.0)
    await kill(process)
    async with asyncio.timeout(10):
        while _is_running(child_pid):
            await asyncio.sleep(0.05)

    assert not _is_running(child_pid)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
