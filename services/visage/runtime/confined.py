"""One-shot child processes for work on bytes that strangers sent: limited in memory, processor time and wall time.

A child is `python -m <module>`: it reads the content from stdin, confines itself (`confinement`) before it looks at it,
and writes its answer to stdout.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from visage.runtime.tether import kill

# One thread each: a decoder's pool of threads costs address space and competes with the service.
CHILD_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended: its exit status (negative: killed by that signal) and what it wrote to stdout."""

    exit_status: int
    output: bytes


async def run_confined(module: str, arguments: Sequence[str], content: bytes, limit_s: float) -> Outcome:
    """Runs `python -m module <own pid> *arguments` on `content`; the child ends with this call, however it ends.

    Raises:
        TimeoutError: Not done within `limit_s` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        str(os.getpid()),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **CHILD_ENVIRONMENT},
    )
    try:
        async with asyncio.timeout(limit_s):
            output, _ = await process.communicate(content)
    finally:
        if process.returncode is None:
            await kill(process)
    return Outcome(process.returncode or 0, output)
