"""One engine process, seen from the service."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence

from visage.runtime.tether import kill
from visage.speech.engines.framing import LENGTHS, Message, pack


class WorkerDied(Exception):
    """The engine's process ended, or did not answer in time and was killed."""


class Worker:
    """A child process that answers one request at a time; started when first asked, and again after its death."""

    def __init__(
        self, module: str, environment: Mapping[str, str], reply_limit_s: float, arguments: Sequence[str] = ()
    ) -> None:
        self._module = module
        self._arguments = arguments
        self._environment = dict(environment)
        self._reply_limit_s = reply_limit_s
        self._process: asyncio.subprocess.Process | None = None
        self.greeting: Message = {}

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    async def start(self) -> None:
        """Starts the process unless it runs, and reads its greeting.

        Raises:
            WorkerDied: It ended, or did not greet in time.
        """
        if self.is_running:
            return
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            str(os.getpid()),
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment},
        )
        self.greeting, _ = await self._read()

    async def ask(self, request: Message) -> tuple[Message, bytes]:
        """Sends a request and returns the answer and its payload.

        Raises:
            WorkerDied: The process ended, or did not answer in time.
        """
        await self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(pack(request))
            await self._process.stdin.drain()
        except OSError as error:
            raise WorkerDied(f"{self._module} ended") from error
        return await self._read()

    async def kill(self) -> None:
        """Ends the process at once and waits for its end; does nothing if it does not run."""
        process = self._process
        if process is None:
            return
        await kill(process)
        if self._process is process:
            self._process = None

    async def _read(self) -> tuple[Message, bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout
        try:
            async with asyncio.timeout(self._reply_limit_s):
                text_length, payload_length = LENGTHS.unpack(await stream.readexactly(LENGTHS.size))
                message: Message = json.loads(await stream.readexactly(text_length))
                return message, await stream.readexactly(payload_length)
        except TimeoutError:
            raise WorkerDied(f"{self._module} did not answer within {self._reply_limit_s:g} s") from None
        except asyncio.IncompleteReadError:
            raise WorkerDied(f"{self._module} ended") from None
