"""Renders beside the live streams of a process: a bounded queue, a few at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from visage.composition.renders.store import RenderStore, RenderView
from visage.composition.renders.work import SIGN_OF_LIFE_S, Interrupted, RenderWork, end_with_error
from visage.runtime import logs
from visage.runtime.capacity import Places
from visage.runtime.errors import Overloaded, VisageError

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """side_by_side: renders that run; waiting: accepted beyond these; attempts: in a row that add nothing to a render.

    abandoned_s: seconds without a sign of life after which a render of another process is taken up.
    """

    side_by_side: int = 1
    waiting: int = 16
    attempts: int = 5
    abandoned_s: float = 12 * SIGN_OF_LIFE_S
    pause_s: float = 5.0


class LocalRunner:
    """Runs renders in this process; each holds one of its `places`, so that autoscaling sees them."""

    def __init__(self, store: RenderStore, work: RenderWork, places: Places, limits: QueueLimits) -> None:
        self._store = store
        self._work = work
        self._places = places
        self._limits = limits
        self._room = asyncio.Semaphore(limits.side_by_side)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Takes up what earlier processes left, now and later."""
        self._looking = asyncio.create_task(self._look(), name="renders-adoption")

    async def submit(self, render_id: str) -> None:
        """Queues a render. Raises Overloaded when the queue is full."""
        if render_id in self._tasks:
            return
        if len(self._tasks) >= self._limits.side_by_side + self._limits.waiting:
            raise Overloaded(f"{len(self._tasks)} renders are waiting already", retry_after_s=30.0)
        self._begin(render_id)

    async def cancel(self, render_id: str) -> None:
        """Ends the work on a render, queued or running."""
        task = self._tasks.get(render_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """Stops at once: what is stored stays, and the next process goes on from there."""
        if self._looking is not None:
            self._looking.cancel()
        tasks = [task for task in (self._looking, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, render_id: str) -> None:
        task = asyncio.create_task(self._run(render_id), name=f"render-{render_id}")
        self._tasks[render_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(render_id, None))

    async def _run(self, render_id: str) -> None:
        try:
            await self._work_on(render_id)
        except VisageError as error:
            # The store is away: somebody takes the render up when it is back.
            _log.error("render_left", render=render_id, exc_info=error)

    async def _work_on(self, render_id: str) -> None:
        attempt, segment_count = 0, 0
        while True:
            try:
                async with self._room:
                    with self._places.hold():
                        await self._work.run(render_id)
                return
            except Interrupted as interruption:
                stored = await self._store.count_segments(render_id)
                attempt = 1 if stored > segment_count else attempt + 1
                segment_count = stored
                _log.warning("render_interrupted", render=render_id, attempt=attempt, reason=interruption.cause.reason)
                if attempt >= self._limits.attempts:
                    await end_with_error(self._store, render_id, interruption.cause)
                    return
                await asyncio.sleep(self._limits.pause_s * attempt)

    async def _look(self) -> None:
        while True:
            try:
                for view in reversed(await self._store.list()):
                    is_room = len(self._tasks) < self._limits.side_by_side + self._limits.waiting
                    if is_room and view.record.render_id not in self._tasks and self._is_abandoned(view):
                        _log.warning("render_taken_up", render=view.record.render_id)
                        self._begin(view.record.render_id)
            except VisageError as error:
                _log.error("adoption_broke", exc_info=error)
            await asyncio.sleep(self._limits.abandoned_s / 2)

    def _is_abandoned(self, view: RenderView) -> bool:
        last = view.progress.update_time if view.progress else view.record.create_time
        silent_s = (datetime.now(UTC) - last).total_seconds()
        return view.outcome is None and silent_s >= self._limits.abandoned_s
