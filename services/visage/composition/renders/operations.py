"""Renders as long-running operations: begun once, cancelled, listed, forgotten."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from visage.composition.renders.records import OPERATION_PREFIX, RenderRecord, render_id_of
from visage.composition.renders.retention import Retention
from visage.composition.renders.runners import Runner
from visage.composition.renders.store import RenderStore, RenderView
from visage.composition.renders.work import end_with_error
from visage.runtime.errors import Cancelled, InvalidField, ResourceNotReady, VisageError
from visage.v1 import render_service_pb2

_NAME: Final = re.compile(r"operations/([a-z0-9-]{1,64})")
_FIRST_LOOK_S: Final = 0.1
_SLOWEST_LOOK_S: Final = 1.0
_UNWANTED: Final = ("include_curves", "include_timing", "resume")


class Renders:
    """Renders of one store and its runner.

    Attributes:
        retention: How long those that are done stay.
    """

    def __init__(self, store: RenderStore, runner: Runner, retention: Retention) -> None:
        self._store = store
        self._runner = runner
        self.retention = retention

    async def create(self, request: render_service_pb2.CreateRenderRequest) -> RenderView:
        """Enters a render and has it run; returns an earlier call's render of the same request id.

        Raises:
            InvalidField: The request asks for what is no film.
            Overloaded: The queue is full; nothing is entered.
        """
        _check(request)
        render_id = render_id_of(request.request_id)
        record = RenderRecord.of(render_id, request.generation, datetime.now(UTC))
        if not await self._store.create(record):
            view = await self._store.get(render_id)
            if view.outcome is None:
                await self._submit(render_id, is_new=False)
            return view
        await self._submit(render_id, is_new=True)
        return await self._store.get(render_id)

    async def _submit(self, render_id: str, is_new: bool) -> None:
        try:
            await self._runner.submit(render_id)
        except VisageError as error:
            if is_new and error.retry_after_s is not None:
                await self._store.delete(render_id)
                raise
            # Asking again would not help: the operation says why.
            await end_with_error(self._store, render_id, error)

    async def get(self, name: str) -> RenderView:
        """Returns a render by its operation's name. Raises ResourceNotFound or InvalidField."""
        return await self._store.get(_read_name(name))

    async def wait(self, name: str, limit_s: float) -> RenderView:
        """Returns a render once it is done, or as it is after `limit_s` seconds."""
        loop = asyncio.get_running_loop()
        end_s, pause_s = loop.time() + limit_s, _FIRST_LOOK_S
        view = await self.get(name)
        while view.outcome is None and (left_s := end_s - loop.time()) > 0:
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _SLOWEST_LOOK_S)
            view = await self.get(name)
        return view

    async def list(self, after: str, count: int) -> tuple[Sequence[RenderView], str]:
        """Returns up to `count` renders behind the one of id `after`, newest first, and the last one's id if more
        follow."""
        views = await self._store.list()
        ids = [view.record.render_id for view in views]
        if after and after not in ids:
            raise InvalidField("page_token", "is not a token of an earlier page")
        start = ids.index(after) + 1 if after else 0
        chosen = views[start : start + count]
        return chosen, chosen[-1].record.render_id if len(views) > start + count else ""

    async def cancel(self, name: str) -> None:
        """Ends a render as cancelled and stops its work; one that is done stays as it is."""
        render_id = (await self.get(name)).record.render_id
        if await end_with_error(self._store, render_id, Cancelled()):
            await self._runner.cancel(render_id)

    async def delete(self, name: str) -> None:
        """Forgets a render that is done; its film stays for good. Raises ResourceNotReady while it runs."""
        view = await self.get(name)
        if view.outcome is None:
            raise ResourceNotReady("operation", name, "RUNNING")
        await self.retention.forget(view, keep_film=True)


def _check(request: render_service_pb2.CreateRenderRequest) -> None:
    generation = request.generation
    if generation.scene.video.HasField("raw_frames"):
        raise InvalidField("generation.scene.video.raw_frames", "a film is fragmented MP4")
    for field in _UNWANTED:
        is_set = generation.HasField("resume") if field == "resume" else getattr(generation, field)
        if is_set:
            raise InvalidField(f"generation.{field}", "must be absent: a film is all that is kept")


def _read_name(name: str) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidField("name", f"does not match {OPERATION_PREFIX}{{operation}}")
    return match[1]
