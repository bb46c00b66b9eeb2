"""One-shot child processes for work on bytes that strangers sent: limited in memory, processor time and wall time.

A child is `python -m <module>`: it reads the content from stdin, confines itself (`confinement`) before it looks at it,
and writes its answer to stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from visage.runtime.errors import MediaUndecodable
from visage.runtime.tether import kill

# One thread each: a decoder's pool of threads costs address space and competes with the service.
_CHILD_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_READ_BYTES: Final = 1024 * 1024


async def start_confined(module: str, arguments: Sequence[str]) -> asyncio.subprocess.Process:
    """Starts `python -m module <own pid> *arguments` with pipes to and from it; the caller sees to its end."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        str(os.getpid()),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **_CHILD_ENVIRONMENT},
        # Pictures are read in few pieces.
        limit=_READ_BYTES,
    )


async def decode_confined(
    module: str, arguments: Sequence[str], content: bytes, limit_s: float, field: str
) -> tuple[dict[str, Any], bytes]:
    """Has a child decode `content` and returns its answer: a line of JSON, and the bytes behind it.

    The child ends with this call, however it ends.

    Args:
        module: The decoder.
        arguments: Its own, behind this process's id.
        content: What it is to decode.
        limit_s: Seconds that it may take.
        field: Path of the request's field that held the content.

    Raises:
        MediaUndecodable: It took too much time or memory.
    """
    process = await start_confined(module, arguments)
    try:
        async with asyncio.timeout(limit_s):
            output, _ = await process.communicate(content)
    except TimeoutError:
        raise MediaUndecodable(field, "decoding takes too long") from None
    finally:
        if process.returncode is None:
            await kill(process)
    header, _, payload = output.partition(b"\n")
    if process.returncode or not header:
        raise MediaUndecodable(field, "decoding needs too much memory or time")
    return json.loads(header), payload
