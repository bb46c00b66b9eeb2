"""A few processes of one engine: each call borrows one; a cancelled call's process is killed, a dead one replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from visage.runtime import logs
from visage.runtime.errors import ModelUnavailable
from visage.speech.engines.framing import Message
from visage.speech.engines.worker import Worker, WorkerDied

_log = logs.get(__name__)


class WorkerPool:
    """Engine processes for one event loop."""

    def __init__(
        self,
        engine: str,
        module: str,
        size: int,
        reply_limit_s: float,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """Makes the pool; processes start when they are first needed.

        Args:
            engine: Name for errors and logs.
            module: What `python -m` runs.
            size: Processes at most.
            reply_limit_s: A process that is silent for longer is killed.
            environment: Variables added for the processes.
            arguments: Of the module, behind the parent's pid.
        """
        self._engine = engine
        self._workers = [Worker(module, environment or {}, reply_limit_s, arguments) for _ in range(size)]
        # Last in, first out: a quiet service keeps one warm process.
        self._idle: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put_nowait(worker)
        self._kills: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that run."""
        return [pid for worker in self._workers if (pid := worker.pid) is not None]

    async def greet(self) -> Message:
        """Starts a process if none runs, and returns its greeting.

        Raises:
            ModelUnavailable: The process cannot be started.
        """
        worker = await self._idle.get()
        try:
            await worker.start()
            return worker.greeting
        except (WorkerDied, OSError) as error:
            self._kill(worker)
            raise ModelUnavailable(self._engine, str(error)) from error
        except asyncio.CancelledError:
            self._kill(worker)
            raise
        finally:
            self._idle.put_nowait(worker)

    async def greet_or_warn(self, remedy: str) -> Message | None:
        """Returns the greeting of a process; None, with a warning, where the engine is absent: `remedy` installs it."""
        try:
            greeting = await self.greet()
        except ModelUnavailable as error:
            greeting = {"missing": error.message}
        if "missing" in greeting:
            _log.warning(f"{self._engine}_is_absent", cause=greeting["missing"], remedy=remedy)
            return None
        return greeting

    async def ask(self, request: Message) -> tuple[Message, bytes]:
        """Has a process answer `request`; a death is tried once again with a new process.

        If this call is cancelled, the process that works for it is killed.

        Raises:
            ModelUnavailable: The engine died twice over this request.
        """
        try:
            return await self._ask_once(request)
        except WorkerDied as death:
            _log.warning("engine_died", engine=self._engine, cause=str(death))
        try:
            return await self._ask_once(request)
        except WorkerDied as error:
            raise ModelUnavailable(self._engine, str(error)) from error

    async def _ask_once(self, request: Message) -> tuple[Message, bytes]:
        worker = await self._idle.get()
        answered = False
        try:
            await self._settle()
            if self._is_closed:
                raise ModelUnavailable(self._engine, "the engine is closed")
            answer = await worker.ask(request)
            answered = True
            return answer
        except OSError as error:
            raise WorkerDied(str(error)) from error
        finally:
            if not answered:
                self._kill(worker)
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """Kills all processes and waits for their ends; calls that still run end with ModelUnavailable."""
        self._is_closed = True
        for worker in self._workers:
            self._kill(worker)
        await self._settle()

    def _kill(self, worker: Worker) -> None:
        task = asyncio.create_task(worker.kill())
        self._kills.add(task)
        task.add_done_callback(self._kills.discard)

    async def _settle(self) -> None:
        """Waits for the processes that are being killed: a worker must not be started before its old self is gone."""
        while self._kills:
            await asyncio.wait(set(self._kills))
