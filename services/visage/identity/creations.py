"""Creations in progress: jobs that outlive the call that began them, and what a crash left of earlier ones."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from visage.identity.create import BuiltIdentity, Stage
from visage.identity.records import (
    AvatarRecord,
    Content,
    EmbeddingRecord,
    IdentityRecord,
    OperationRecord,
    Owner,
    WorkRecord,
)
from visage.identity.store import IdentityStore
from visage.runtime import logs
from visage.runtime.assets import asset_name
from visage.runtime.capacity import Places
from visage.runtime.errors import DeadlineExceeded, Draining, Overloaded, ResourceNotFound, VisageError
from visage.runtime.model_errors import translate_model_error
from visage.runtime.triton.errors import ModelError

_log = logs.get(__name__)

PackFailure = Callable[[VisageError | None], str]
"""Packs an error as an operation keeps it; None stands for a cancellation."""


class Builder(Protocol):
    """Builds an identity from a photo: `IdentityBuilder`, or a fake in tests."""

    async def build(self, photo: bytes, field: str, uid: str, report: Callable[[Stage], None]) -> BuiltIdentity:
        """Returns what the photo became; see `IdentityBuilder.build`."""
        ...


@dataclass(frozen=True, slots=True)
class CreationLimits:
    """How many creations a process takes on, and for how long.

    side_by_side: builds that run at a time, each about one core; waiting: creations accepted beyond these.
    """

    side_by_side: int = 2
    waiting: int = 16
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """What a caller asks for; an empty id or request id leaves the choice to the server.

    `load_photo` is only called for a new request; `photo_field` is where the request holds the photo.
    """

    identity_id: str
    request_id: str
    display_name: str
    labels: Mapping[str, str]
    consent_reference: str
    load_photo: Callable[[], Awaitable[bytes]]
    photo_field: str


@dataclass
class _Job:
    work: WorkRecord
    stage: Stage = Stage.DECODING
    task: asyncio.Task[None] | None = None
    over: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class Creations:
    """Runs creations of one process."""

    def __init__(
        self,
        store: IdentityStore,
        builder: Builder,
        pack_failure: PackFailure,
        limits: CreationLimits,
        load: Places | None = None,
    ) -> None:
        """Creations outlive their calls: each holds a place of `load` until it is over."""
        self._load = load or Places(limits.side_by_side + limits.waiting)
        self._store = store
        self._builder = builder
        self._pack_failure = pack_failure
        self._limits = limits
        self._places = asyncio.Semaphore(limits.side_by_side)
        self._jobs: dict[str, _Job] = {}
        self._owner = Owner.current()
        self._closing = False

    async def begin(self, wanted: NewIdentity) -> OperationRecord:
        """Enters the identity as CREATING and returns the operation that completes it, or an earlier call's one.

        Raises:
            ResourceExists: The id is taken.
            Overloaded: Too many creations wait already.
            VisageError: Whatever `load_photo` raises.
        """
        operation_id = _operation_id(wanted.request_id)
        if wanted.request_id:
            try:
                return await self._store.get_operation(operation_id)
            except ResourceNotFound:
                pass
        if len(self._jobs) >= self._limits.side_by_side + self._limits.waiting:
            raise Overloaded(f"{len(self._jobs)} identities are being created already", retry_after_s=2.0)
        photo = await wanted.load_photo()
        # Once begun, it runs to the point where the job has taken over, whatever becomes of the call.
        return await asyncio.shield(self._enter(operation_id, wanted, photo))

    async def _enter(self, operation_id: str, wanted: NewIdentity, photo: bytes) -> OperationRecord:
        now = datetime.now(UTC)
        uid = uuid.uuid4().hex
        identity_id = wanted.identity_id or f"face-{uid[:12]}"
        record = IdentityRecord(
            identity_id=identity_id,
            uid=uid,
            operation_id=operation_id,
            display_name=wanted.display_name,
            labels=dict(wanted.labels),
            consent_reference=wanted.consent_reference,
            create_time=now,
            update_time=now,
        )
        operation = OperationRecord(operation_id=operation_id, identity_id=identity_id, uid=uid, create_time=now)
        work = WorkRecord(
            kind="create",
            uid=uid,
            identity_id=identity_id,
            operation_id=operation_id,
            order_key=record.order_key,
            owner=self._owner,
            # The job ends itself long before; until then no other process may clean up after it.
            expire_time=now + timedelta(seconds=3 * self._limits.longest_s + 600),
        )
        if not await self._store.reserve(record, operation, work):
            return await self._store.get_operation(operation_id)
        job = self._jobs[operation_id] = _Job(work)
        job.task = asyncio.create_task(self._run(job, wanted.photo_field, photo), name=f"create-{operation_id}")
        return operation

    async def _run(self, job: _Job, field: str, photo: bytes) -> None:
        started_s = time.perf_counter()
        outcome = "ready"
        try:
            try:
                with self._load.hold():
                    async with self._places, asyncio.timeout(self._limits.longest_s):
                        await self._create(job, field, photo)
            except asyncio.CancelledError:
                outcome = "cancelled"
                await self._undo(job, interrupted() if self._closing else None)
            except Exception as error:
                shown = self._shown(error)
                outcome = shown.metadata.get("cause") or shown.reason.lower()
                await self._undo(job, shown)
        finally:
            self._jobs.pop(job.work.operation_id, None)
            job.over.set()
            seconds = round(time.perf_counter() - started_s, 3)
            _log.info("creation_ended", operation=job.work.operation_id, outcome=outcome, seconds=seconds)

    async def _create(self, job: _Job, field: str, photo: bytes) -> None:
        def report(stage: Stage) -> None:
            job.stage = stage

        built = await self._builder.build(photo, field, job.work.uid, report)
        _log.info("creation_built", operation=job.work.operation_id, **_rounded(built.stage_seconds))
        report(Stage.STORING)
        content = await self._put(job, photo, built)
        await self._store.complete(job.work, content, datetime.now(UTC))

    async def _put(self, job: _Job, photo: bytes, built: BuiltIdentity) -> Content:
        preview = asset_name(built.preview_png)
        job.work = job.work.model_copy(update={"assets": (preview,)})
        await self._store.put_work(job.work)
        await self._store.assets.put(built.preview_png)
        digest = await self._store.put_blob(job.work.uid, built.avatar)
        avatar = AvatarRecord(
            digest=digest,
            size_bytes=len(built.avatar),
            layout=built.avatar_layout,
            width_px=built.width_px,
            height_px=built.height_px,
        )
        photo_digest = await self._store.put_blob(job.work.uid, photo)
        embedding = EmbeddingRecord.of(built.embedding)
        return Content(
            photo_digest=photo_digest,
            avatar=avatar,
            preview_asset=preview,
            embedding=embedding,
            report=built.report,
        )

    async def _undo(self, job: _Job, error: VisageError | None) -> None:
        """Leaves nothing of the identity and tells the operation why; a cancellation does not stop it."""
        work, failure = job.work, self._pack_failure(error)

        async def undo() -> None:
            await self._store.erase(work)
            await self._store.fail_operation(work.operation_id, failure)
            await self._store.remove_work(work)

        undoing = asyncio.ensure_future(undo())
        try:
            await asyncio.shield(undoing)
        except asyncio.CancelledError:
            await undoing
        except VisageError as unreachable:
            # The note of the work stays, so the next clean-up does it.
            _log.error("creation_not_undone", operation=work.operation_id, exc_info=unreachable)

    def _shown(self, error: Exception) -> VisageError:
        """Returns what the caller sees of what a job raised."""
        if isinstance(error, VisageError):
            return error
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(self._limits.longest_s)
        translated = translate_model_error(error) if isinstance(error, ModelError) else None
        if translated is not None:
            return translated
        _log.error("creation_broke", exc_info=error)
        return VisageError("internal error; the service's log has the operation's name")

    def stage(self, operation_id: str) -> Stage | None:
        """Returns the step that a creation of this process has reached; None if it does not run here."""
        job = self._jobs.get(operation_id)
        return job.stage if job is not None else None

    async def wait(self, operation_id: str, limit_s: float) -> bool:
        """Waits until a creation of this process is over, or `limit_s` seconds; returns whether it is over."""
        job = self._jobs.get(operation_id)
        if job is None:
            return True
        try:
            async with asyncio.timeout(limit_s):
                await job.over.wait()
        except TimeoutError:
            return False
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


def _rounded(stage_seconds: Mapping[str, float]) -> dict[str, float]:
    return {f"{step}_s": round(seconds, 3) for step, seconds in stage_seconds.items()}


def interrupted() -> VisageError:
    """Returns the error of a creation whose process ended before it did."""
    error = Draining()
    error.message = "the server went away during the creation; nothing of it is left, begin again"
    return error


def _operation_id(request_id: str) -> str:
    """Derived from the caller's request id, so that all replicas arrive at the same operation."""
    if not request_id:
        return uuid.uuid4().hex
    return hashlib.sha256(f"request {request_id.lower()}".encode()).hexdigest()[:32]
