"""Processes that end with their parent, however that ends, and the end of those that must go earlier.

As a command it runs a module under that promise: `python -m visage.runtime.tether PARENT_PID MODULE [ARGUMENTS]`.
"""

from __future__ import annotations

import asyncio
import runpy
import signal
import sys
from contextlib import suppress

from visage.runtime.confinement import die_with_parent


async def kill(process: asyncio.subprocess.Process) -> None:
    """Ends a child at once and waits for its end.

    `Process.wait` returns only when the pipes are closed, and a pipe that nobody reads is never seen to close: what the
    child had still written is read away.
    """
    with suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    if process.stdout is not None:
        # RuntimeError: somebody else is reading, and so drains the pipe.
        with suppress(RuntimeError):
            await process.stdout.read()
    await process.wait()


def main() -> None:
    """Runs the named module as `__main__`; SIGTERM at the parent's death, so that it may drain."""
    parent_pid, module = int(sys.argv[1]), sys.argv[2]
    die_with_parent(parent_pid, signal.SIGTERM)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
