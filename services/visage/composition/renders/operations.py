"""Renders as long-running operations: begun once, cancelled, listed, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from visage.composition.renders.records import RenderRecord, render_id_of
from visage.composition.renders.retention import Retention
from visage.composition.renders.runners import Runner
from visage.composition.renders.store import RenderStore, RenderView
from visage.composition.renders.work import end_with_error
from visage.runtime.errors import Cancelled, InvalidField, ResourceNotReady, VisageError
from visage.runtime.operations import operation_id_of, page_behind, wait_until_done
from visage.v1 import render_service_pb2

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
        return await self._store.get(operation_id_of(name))

    async def wait(self, name: str, limit_s: float) -> RenderView:
        """Returns a render once it is done, or as it is after `limit_s` seconds."""
        return await wait_until_done(lambda: self.get(name), lambda view: view.outcome is not None, limit_s)

    async def list(self, after: str, count: int) -> tuple[Sequence[RenderView], str]:
        """Returns up to `count` renders behind the one of id `after`, newest first, and the last one's id if more
        follow."""
        return page_behind(await self._store.list(), lambda view: view.record.render_id, after, count)

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
