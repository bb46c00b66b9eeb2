"""Creations in progress: jobs of one process that outlive the calls that began them.

A creation enters what it makes in a store, works, and completes it; whatever ends it before, undoes it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from visage.runtime import logs
from visage.runtime.capacity import Places
from visage.runtime.errors import DeadlineExceeded, Draining, Overloaded, VisageError
from visage.runtime.model_errors import shown_error

StageT = TypeVar("StageT")

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class CreationLimits:
    """How many creations a process takes on, and for how long.

    side_by_side: builds that run at a time, each about one core; waiting: creations accepted beyond these.
    """

    side_by_side: int
    waiting: int
    longest_s: float


@dataclass
class _Job(Generic[StageT]):
    stage: StageT
    task: asyncio.Task[None] | None = None
    over: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class CreationJobs(Generic[StageT]):
    """Runs creations of one process, by the ids of their operations."""

    def __init__(
        self, noun: str, first: StageT, limits: CreationLimits, retry_after_s: float, load: Places | None = None
    ) -> None:
        """Prepares.

        Args:
            noun: What is created, in the plural, for those who are refused.
            first: The step that a creation begins with.
            limits: How many, how long.
            retry_after_s: Told to those who are refused.
            load: Where each creation holds a place until it is over; None: nowhere.
        """
        self._noun = noun
        self._first = first
        self._limits = limits
        self._retry_after_s = retry_after_s
        self._load = load
        self._places = asyncio.Semaphore(limits.side_by_side)
        self._jobs: dict[str, _Job[StageT]] = {}
        self._unkept_count = 0
        self._closing = False

    def check_load(self) -> None:
        """Raises Overloaded where as many creations wait as may."""
        count = len(self._jobs) + self._unkept_count
        if count >= self._limits.side_by_side + self._limits.waiting:
            raise Overloaded(f"{count} {self._noun} are being created already", retry_after_s=self._retry_after_s)

    def start(
        self,
        operation_id: str,
        create: Callable[[Callable[[StageT], None]], Awaitable[None]],
        undo: Callable[[VisageError | None], Awaitable[None]],
    ) -> None:
        """Begins a creation.

        Args:
            operation_id: Of its operation.
            create: Makes and completes it; is given what to report its steps to.
            undo: Leaves nothing of it and tells its operation why; None stands for a cancellation.
        """
        job = self._jobs[operation_id] = _Job(self._first)
        job.task = asyncio.create_task(self._run(operation_id, job, create, undo), name=f"create-{operation_id}")

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Holds a place of those side by side for work that ends with its call.

        Raises:
            Overloaded: Too many creations wait already.
            DeadlineExceeded: It takes longer than a creation may.
        """
        self.check_load()
        self._unkept_count += 1
        try:
            async with self._places, asyncio.timeout(self._limits.longest_s) as limit:
                yield
        except TimeoutError as error:
            raise (DeadlineExceeded(self._limits.longest_s) if limit.expired() else error) from None
        finally:
            self._unkept_count -= 1

    async def _run(
        self,
        operation_id: str,
        job: _Job[StageT],
        create: Callable[[Callable[[StageT], None]], Awaitable[None]],
        undo: Callable[[VisageError | None], Awaitable[None]],
    ) -> None:
        def report(stage: StageT) -> None:
            job.stage = stage

        started_s = time.perf_counter()
        outcome = "ready"
        try:
            try:
                with self._held():
                    async with self._places, asyncio.timeout(self._limits.longest_s):
                        await create(report)
            except asyncio.CancelledError:
                outcome = "cancelled"
                await self._undo(operation_id, undo, interrupted() if self._closing else None)
            except Exception as error:
                shown = self._shown(error)
                outcome = shown.metadata.get("cause") or shown.reason.lower()
                await self._undo(operation_id, undo, shown)
        finally:
            self._jobs.pop(operation_id, None)
            job.over.set()
            seconds = round(time.perf_counter() - started_s, 3)
            _log.info("creation_ended", operation=operation_id, outcome=outcome, seconds=seconds)

    def _held(self) -> AbstractContextManager[None]:
        return self._load.hold() if self._load is not None else nullcontext()

    async def _undo(
        self, operation_id: str, undo: Callable[[VisageError | None], Awaitable[None]], error: VisageError | None
    ) -> None:
        """Undoes a creation; a cancellation does not stop that."""
        undoing = asyncio.ensure_future(undo(error))
        try:
            await asyncio.shield(undoing)
        except asyncio.CancelledError:
            await undoing
        except VisageError as unreachable:
            # What is entered expires, and the next clean-up does it.
            _log.error("creation_not_undone", operation=operation_id, exc_info=unreachable)

    def _shown(self, error: Exception) -> VisageError:
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(self._limits.longest_s)
        return shown_error(error, "creation_broke", "the service's log has the operation's name")

    def stage(self, operation_id: str) -> StageT:
        """Returns the step that a creation has reached; the first one where it does not run here."""
        job = self._jobs.get(operation_id)
        return job.stage if job is not None else self._first

    async def wait(self, operation_id: str, limit_s: float) -> bool:
        """Waits until a creation is over, or `limit_s` seconds; returns at once, and False, where none runs here."""
        job = self._jobs.get(operation_id)
        if job is None:
            return False
        try:
            async with asyncio.timeout(limit_s):
                await job.over.wait()
        except TimeoutError:
            pass
        return True

    async def cancel(self, operation_id: str) -> None:
        """Cancels a creation of this process and returns once nothing of it is left; others are not touched."""
        job = self._jobs.get(operation_id)
        if job is not None and job.task is not None:
            job.task.cancel()
            await job.over.wait()

    async def close(self, grace_s: float) -> None:
        """Lets running creations finish for `grace_s` seconds, then undoes them."""
        self._closing = True
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=grace_s)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)


def interrupted() -> VisageError:
    """Returns the error of a creation whose process ended before it did."""
    error = Draining()
    error.message = "the server went away during the creation; nothing of it is left, begin again"
    return error
