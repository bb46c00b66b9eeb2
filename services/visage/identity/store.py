"""Identities in an object store.

    identities/<id>.json           the record: what counts
    identity_order/<time>-<id>     empty; lists identities newest first without reading them
    identity_blobs/<uid>/<sha256>  photo and avatar
    operations/<id>.json           CreateIdentity calls
    work/<uid>.json                what is being created or deleted

A record appears only once its blobs are there, and disappears before they do; `work` leads a later process to what
a crash left. Previews are assets. Each carries the uid of its identity, so no two identities share one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final

from visage.identity.records import (
    IDENTITY_PREFIX,
    Content,
    CreationRecord,
    IdentityRecord,
    State,
    WorkRecord,
)
from visage.runtime.assets import AssetStore
from visage.runtime.errors import EtagMismatch, ResourceExists, ResourceNotFound
from visage.runtime.operation_records import OperationRecords
from visage.runtime.operations import PREFIX
from visage.runtime.store import KeyMissing, ObjectStore

_ORDER: Final = "identity_order/"
_BLOBS: Final = "identity_blobs/"
_WORK: Final = "work/"


class IdentityStore:
    """Records and blobs; changes of one process are serialised.

    Attributes:
        assets: Where previews are.
        operations: CreateIdentity calls.
    """

    def __init__(self, objects: ObjectStore, assets: AssetStore) -> None:
        self._objects = objects
        self.assets = assets
        self.operations = OperationRecords(objects, PREFIX, CreationRecord)
        self._changing = asyncio.Lock()

    async def get(self, identity_id: str) -> IdentityRecord:
        """Returns a record. Raises ResourceNotFound."""
        try:
            data = await self._objects.get(_identity_key(identity_id))
        except KeyMissing:
            raise ResourceNotFound("identity", IDENTITY_PREFIX + identity_id) from None
        return IdentityRecord.model_validate_json(data)

    async def find(self, identity_id: str) -> IdentityRecord | None:
        """Returns a record, or None."""
        try:
            return await self.get(identity_id)
        except ResourceNotFound:
            return None

    async def list_after(self, order_key: str, count: int) -> tuple[list[IdentityRecord], bool]:
        """Returns up to `count` records that follow `order_key` (empty: from the newest), and whether more follow."""
        keys = [item.key.removeprefix(_ORDER) for item in await self._objects.list(_ORDER)]
        keys = [key for key in keys if key > order_key]
        records: list[IdentityRecord] = []
        while keys and len(records) < count:
            wanted, keys = keys[: count - len(records)], keys[count - len(records) :]
            found = await asyncio.gather(*(self.find(key.partition("-")[2]) for key in wanted))
            # An id that was deleted and given again has two keys for a moment; the record knows which is its own.
            records += [record for key, record in zip(wanted, found, strict=True) if record and record.order_key == key]
        return records, bool(keys)

    async def reserve(self, record: IdentityRecord, operation: CreationRecord, work: WorkRecord) -> bool:
        """Enters an identity that is being created; False when the operation exists already.

        Raises:
            ResourceExists: The id is taken.
        """
        await self.put_work(work)
        if not await self.operations.create(operation):
            await self.remove_work(work)
            return False
        if not await self._objects.create(_identity_key(record.identity_id), record.to_json()):
            await self.operations.delete(operation.operation_id)
            await self.remove_work(work)
            raise ResourceExists("identity", record.name)
        await self._objects.put(_ORDER + record.order_key, b"")
        return True

    async def complete(self, work: WorkRecord, content: Content, now: datetime) -> IdentityRecord:
        """Makes an identity READY. Raises ResourceNotFound when it was deleted meanwhile."""
        async with self._changing:
            record = await self.get(work.identity_id)
            if record.uid != work.uid:
                raise ResourceNotFound("identity", record.name)
            record = record.model_copy(update={"content": content, "update_time": now})
            await self._objects.put(_identity_key(record.identity_id), record.to_json())
        await self.remove_work(work)
        return record

    async def update(
        self, identity_id: str, etag: str, change: Callable[[IdentityRecord], IdentityRecord]
    ) -> IdentityRecord:
        """Applies a change. Raises ResourceNotFound, or EtagMismatch when `etag` is given and not the record's."""
        async with self._changing:
            record = await self.get(identity_id)
            if etag and etag != record.etag:
                raise EtagMismatch("identity", record.name)
            record = change(record)
            await self._objects.put(_identity_key(identity_id), record.to_json())
            return record

    async def erase(self, work: WorkRecord) -> None:
        """Removes an identity and everything derived from it, the record first; may be repeated."""
        async with self._changing:
            record = await self.find(work.identity_id)
            if record is not None and record.uid == work.uid:
                await self._objects.delete(_identity_key(work.identity_id))
        await self._objects.delete(_ORDER + work.order_key)
        await self._objects.delete_below(f"{_BLOBS}{work.uid}/")
        for asset in work.assets:
            await self.assets.delete(asset)

    async def put_blob(self, uid: str, data: bytes) -> str:
        """Stores bytes that belong to an identity; returns their sha256."""
        digest = hashlib.sha256(data).hexdigest()
        await self._objects.put(f"{_BLOBS}{uid}/{digest}", data)
        return digest

    async def stream_blob(self, uid: str, digest: str) -> AsyncIterator[bytes]:
        """Yields a blob in pieces of at most 1 MiB. Raises ResourceNotFound when its identity is deleted meanwhile."""
        try:
            async for piece in self._objects.stream(f"{_BLOBS}{uid}/{digest}"):
                yield piece
        except KeyMissing:
            raise ResourceNotFound("avatar", digest) from None

    async def put_work(self, work: WorkRecord) -> None:
        """Notes what is in progress."""
        await self._objects.put(f"{_WORK}{work.uid}.json", work.to_json())

    async def remove_work(self, work: WorkRecord) -> None:
        """Notes that it is over."""
        await self._objects.delete(f"{_WORK}{work.uid}.json")

    async def list_work(self) -> list[WorkRecord]:
        """Returns all that is in progress, in all processes."""
        found = [WorkRecord.model_validate_json(data) for data in await self._read_all(_WORK)]
        return sorted(found, key=lambda work: work.expire_time)

    async def remove_leftovers(self, now: datetime, retention: timedelta, work: list[WorkRecord]) -> None:
        """Forgets old operations, except those of `work`, and files that writes of dead processes left."""
        await self.operations.forget_old(now, retention, {item.operation_id for item in work})
        await self._objects.remove_unfinished(older_than_s=600)

    async def is_ready(self, identity_id: str, uid: str) -> bool:
        """Whether this very identity is READY."""
        record = await self.find(identity_id)
        return record is not None and record.uid == uid and record.state is State.READY

    async def _read_all(self, prefix: str) -> list[bytes]:
        async def read(key: str) -> bytes | None:
            try:
                return await self._objects.get(key)
            except KeyMissing:
                return None

        found = await asyncio.gather(*(read(item.key) for item in await self._objects.list(prefix)))
        return [data for data in found if data is not None]


def _identity_key(identity_id: str) -> str:
    return f"{IDENTITY_PREFIX}{identity_id}.json"
