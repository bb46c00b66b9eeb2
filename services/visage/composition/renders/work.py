"""The work on one render, wherever it runs: fragments into the store, the film into an asset, the outcome last.

It may be interrupted at any point and begun again, by another process too: what is stored is not made again.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import grpc

from visage.composition.boxes import free_box
from visage.composition.messages import scene_of, summary_message
from visage.composition.remainder import ResumePoint
from visage.composition.renders.records import OutcomeRecord, ProgressRecord
from visage.composition.renders.store import RenderStore, RenderView
from visage.composition.values import Part, Segment, Summary
from visage.runtime import errors, logs
from visage.runtime.assets import AssetStore, asset_name
from visage.runtime.model_errors import shown_error
from visage.runtime.operations import pack_failure
from visage.runtime.status import code_of
from visage.v1 import composition_service_pb2, render_service_pb2

Generate = Callable[[composition_service_pb2.GenerateAvatarRequest, ResumePoint], AsyncGenerator[Part, None]]
"""Makes the parts of a film from a point on."""

SIGN_OF_LIFE_S: Final = 5.0
_TRANSIENT: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED)

_log = logs.get(__name__)


class Interrupted(Exception):
    """The work cannot go on now; begun again later, it may. `cause` is what the caller would be shown."""

    def __init__(self, cause: errors.VisageError) -> None:
        super().__init__(cause.message)
        self.cause = cause


@dataclass
class Attempt:
    """How far one attempt at a render has come; fields as in `ProgressRecord`."""

    attempt_count: int
    segment_count: int
    media_s: float
    film: str

    @classmethod
    def of(cls, view: RenderView) -> Attempt:
        """Goes on behind the attempts before."""
        before = view.progress
        return cls(before.attempt_count + 1, 0, before.media_s, before.film) if before else cls(1, 0, 0.0, "")

    def progress(self) -> ProgressRecord:
        """Returns the record that is also a sign of life."""
        return ProgressRecord(**vars(self), update_time=datetime.now(UTC))


class RenderWork:
    """Works on renders of one store."""

    def __init__(self, store: RenderStore, assets: AssetStore, generate: Generate) -> None:
        self._store = store
        self._assets = assets
        self._generate = generate

    async def run(self, render_id: str) -> None:
        """Works until the render has an outcome; returns at once where it has one, and soon after it was cancelled.

        Raises:
            Interrupted: A service or a model is away.
        """
        view = await self._store.get(render_id)
        if view.outcome is not None:
            return
        attempt = Attempt.of(view)
        working = asyncio.create_task(self._make(view, attempt), name=f"render-{render_id}")
        watching = asyncio.create_task(self._until_ended(render_id), name=f"render-{render_id}-watch")
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                _log.info("render_cancelled", render=render_id)
                return
            await self._conclude(render_id, working)
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)
            if attempt.film:
                await self._discard_unwanted(render_id, attempt.film)

    async def _until_ended(self, render_id: str) -> None:
        while not await self._store.has_ended(render_id):
            await asyncio.sleep(1.0)

    async def _discard_unwanted(self, render_id: str, film: str) -> None:
        """Deletes the film of a render that was cancelled or forgotten while the film was being stored."""
        try:
            outcome = (await self._store.get(render_id)).outcome
        except errors.ResourceNotFound:
            await self._assets.delete(film)
            return
        if outcome is not None and not outcome.render:
            await self._assets.delete(film)

    async def _make(self, view: RenderView, attempt: Attempt) -> render_service_pb2.Render:
        record, render_id = view.record, view.record.render_id
        attempt.segment_count = await self._store.count_segments(render_id)
        await self._store.put_progress(render_id, attempt.progress())
        summary: Summary | None = None
        loop = asyncio.get_running_loop()
        written_s = loop.time()
        async with aclosing(self._generate(record.request, ResumePoint(attempt.segment_count))) as parts:
            async for part in parts:
                if isinstance(part, Segment):
                    await self._store.put_segment(render_id, part.number, part.data)
                    attempt.segment_count = part.number + 1
                    attempt.media_s = float(part.start_s + part.duration_s)
                elif isinstance(part, Summary):
                    summary = part
                if loop.time() - written_s >= SIGN_OF_LIFE_S:
                    await self._store.put_progress(render_id, attempt.progress())
                    written_s = loop.time()
        assert summary is not None
        # Equal bytes are one asset: with its render's name inside, a film is nobody else's and may go with its render.
        film = await self._store.read_film(render_id, attempt.segment_count) + free_box(record.name.encode())
        attempt.film = asset_name(film)
        await self._store.put_progress(render_id, attempt.progress())
        asset = await self._assets.put(film)
        render = render_service_pb2.Render(
            name=record.name, asset=asset.name, size_bytes=len(film), summary=summary_message(summary)
        )
        render.create_time.FromDatetime(record.create_time)
        render.end_time.GetCurrentTime()
        return render

    async def _conclude(self, render_id: str, working: asyncio.Task[render_service_pb2.Render]) -> None:
        """Keeps what the work came to; raises Interrupted where it may yet succeed."""
        try:
            render = await working
        except Exception as error:
            shown = shown_error(error, "render_broke", "the service's log has the render's name")
            if code_of(shown) in _TRANSIENT:
                raise Interrupted(shown) from error
            await end_with_error(self._store, render_id, shown)
            return
        packed = base64.b64encode(render.SerializeToString()).decode()
        await self._store.end(render_id, OutcomeRecord(render=packed, end_time=datetime.now(UTC)))
        await self._store.delete_segments(render_id)


async def end_with_error(store: RenderStore, render_id: str, error: errors.VisageError) -> bool:
    """Ends a render with an error and forgets its fragments; returns False where it had ended already."""
    has_ended = await store.end(render_id, OutcomeRecord(error=pack_failure(error), end_time=datetime.now(UTC)))
    if has_ended:
        await store.delete_segments(render_id)
    return has_ended


def generate_with(generate_avatar: Callable[..., AsyncGenerator[Part, None]], deadline_s: float) -> Generate:
    """Returns what makes films with the verb behind GenerateAvatar."""

    def generate(
        request: composition_service_pb2.GenerateAvatarRequest, point: ResumePoint
    ) -> AsyncGenerator[Part, None]:
        return generate_avatar(
            scene_of(request.scene), request.performance, False, False, deadline_s, request.include_quality, point
        )

    return generate
