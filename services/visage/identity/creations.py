"""Creations of identities: entered, built, stored; and what a crash left of earlier ones."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from visage.identity.create import BuiltIdentity, Stage
from visage.identity.records import (
    AvatarRecord,
    Content,
    CreationRecord,
    EmbeddingRecord,
    IdentityRecord,
    Owner,
    WorkRecord,
)
from visage.identity.store import IdentityStore
from visage.runtime import logs
from visage.runtime.assets import asset_name
from visage.runtime.capacity import Places
from visage.runtime.creation_operations import begin_creation
from visage.runtime.creations import CreationJobs, CreationLimits
from visage.runtime.errors import VisageError
from visage.runtime.operations import pack_failure

_log = logs.get(__name__)


class Builder(Protocol):
    """Builds an identity from a photo: `IdentityBuilder`, or a fake in tests."""

    async def build(self, photo: bytes, field: str, uid: str, report: Callable[[Stage], None]) -> BuiltIdentity:
        """Returns what the photo became; see `IdentityBuilder.build`."""
        ...


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
class _Entry:
    """What is noted of a creation; the note grows before what it names is stored."""

    work: WorkRecord


class Creations:
    """Runs creations of one process.

    Attributes:
        jobs: Those in progress.
    """

    def __init__(
        self, store: IdentityStore, builder: Builder, limits: CreationLimits, load: Places | None = None
    ) -> None:
        """Creations outlive their calls: each holds a place of `load` until it is over."""
        self.jobs = CreationJobs("identities", Stage.DECODING, limits, 2.0, load)
        self._store = store
        self._builder = builder
        self._longest_s = limits.longest_s
        self._owner = Owner.current()

    async def begin(self, wanted: NewIdentity) -> CreationRecord:
        """Enters the identity as CREATING and returns the operation that completes it, or an earlier call's one.

        Raises:
            ResourceExists: The id is taken.
            Overloaded: Too many creations wait already.
            VisageError: Whatever `load_photo` raises.
        """
        enter = partial(self._enter, wanted)
        records, request_id = self._store.operations, wanted.request_id
        return await begin_creation(records, self.jobs, "request", request_id, wanted.load_photo, enter)

    async def _enter(self, wanted: NewIdentity, operation_id: str, photo: bytes) -> CreationRecord:
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
        operation = CreationRecord(operation_id=operation_id, identity_id=identity_id, uid=uid, create_time=now)
        work = WorkRecord(
            kind="create",
            uid=uid,
            identity_id=identity_id,
            operation_id=operation_id,
            order_key=record.order_key,
            owner=self._owner,
            # The job ends itself long before; until then no other process may clean up after it.
            expire_time=now + timedelta(seconds=3 * self._longest_s + 600),
        )
        if not await self._store.reserve(record, operation, work):
            return await self._store.operations.get(operation_id)
        entry = _Entry(work)
        create = partial(self._create, entry, wanted.photo_field, photo)
        self.jobs.start(operation_id, create, partial(self._undo, entry))
        return operation

    async def _create(self, entry: _Entry, field: str, photo: bytes, report: Callable[[Stage], None]) -> None:
        built = await self._builder.build(photo, field, entry.work.uid, report)
        _log.info("creation_built", operation=entry.work.operation_id, **_rounded(built.stage_seconds))
        report(Stage.STORING)
        content = await self._put(entry, photo, built)
        await self._store.complete(entry.work, content, datetime.now(UTC))

    async def _put(self, entry: _Entry, photo: bytes, built: BuiltIdentity) -> Content:
        preview = asset_name(built.preview_png)
        entry.work = entry.work.model_copy(update={"assets": (preview,)})
        await self._store.put_work(entry.work)
        await self._store.assets.put(built.preview_png)
        digest = await self._store.put_blob(entry.work.uid, built.avatar)
        avatar = AvatarRecord(
            digest=digest,
            size_bytes=len(built.avatar),
            layout=built.avatar_layout,
            width_px=built.width_px,
            height_px=built.height_px,
        )
        photo_digest = await self._store.put_blob(entry.work.uid, photo)
        embedding = EmbeddingRecord.of(built.embedding)
        return Content(
            photo_digest=photo_digest,
            avatar=avatar,
            preview_asset=preview,
            embedding=embedding,
            report=built.report,
        )

    async def _undo(self, entry: _Entry, error: VisageError | None) -> None:
        """Leaves nothing of the identity and tells the operation why."""
        failure = pack_failure(error)
        await self._store.erase(entry.work)
        await self._store.operations.fail(entry.work.operation_id, failure)
        await self._store.remove_work(entry.work)


def _rounded(stage_seconds: Mapping[str, float]) -> dict[str, float]:
    return {f"{step}_s": round(seconds, 3) for step, seconds in stage_seconds.items()}
