"""What a child process promises about itself before it looks at bytes that strangers sent.

Imports little: a child lives for a tenth of a second, and imports would be most of it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def confine(memory_bytes: int, processor_s: int) -> None:
    """Limits this process: address space, processor time, and no files or core dumps written."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with_parent(parent_pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Asks the kernel for a signal when the thread that started this process ends; exits if the parent is gone already.

    A process asks for it by itself, because `preexec_fn` runs Python between fork and exec, where gRPC's threads do not
    survive. Linux only; elsewhere a child ends when its stdin does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent_pid:
        sys.exit(1)
