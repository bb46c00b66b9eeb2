"""Operations of one kind in the store: a document each, until they are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from visage.runtime.errors import ResourceNotFound
from visage.runtime.operations import PREFIX
from visage.runtime.records import Record
from visage.runtime.store import KeyMissing, ObjectStore


class OperationRecord(Record):
    """One operation; without an `error` (base64 of google.rpc.Status) its state is that of what is being created."""

    operation_id: str
    create_time: datetime
    error: str = ""

    @property
    def name(self) -> str:
        """The resource name."""
        return PREFIX + self.operation_id


RecordT = TypeVar("RecordT", bound=OperationRecord)


class OperationRecords(Generic[RecordT]):
    """Keeps operations below a folder of the store."""

    def __init__(self, objects: ObjectStore, folder: str, kind: type[RecordT]) -> None:
        """Prepares; `folder` ends with a slash."""
        self._objects = objects
        self._folder = folder
        self._kind = kind

    async def create(self, record: RecordT) -> bool:
        """Enters an operation; returns False where there is one of that id."""
        return await self._objects.create(self._key(record.operation_id), record.to_json())

    async def get(self, operation_id: str) -> RecordT:
        """Returns an operation. Raises ResourceNotFound."""
        try:
            return self._kind.model_validate_json(await self._objects.get(self._key(operation_id)))
        except KeyMissing:
            raise ResourceNotFound("operation", PREFIX + operation_id) from None

    async def find(self, operation_id: str) -> RecordT | None:
        """Returns an operation, or None."""
        try:
            return await self.get(operation_id)
        except ResourceNotFound:
            return None

    async def list(self) -> Sequence[RecordT]:
        """Returns all operations, newest first; one that is deleted meanwhile is left out."""
        found = await asyncio.gather(*map(self.find, await self._ids()))
        records = [record for record in found if record is not None]
        return sorted(records, key=lambda record: (record.create_time, record.operation_id), reverse=True)

    async def fail(self, operation_id: str, error: str) -> None:
        """Ends an operation with an error, unless it has been deleted."""
        record = await self.find(operation_id)
        if record is not None:
            failed = record.model_copy(update={"error": error})
            await self._objects.put(self._key(operation_id), failed.to_json())

    async def delete(self, operation_id: str) -> None:
        """Forgets an operation."""
        await self._objects.delete(self._key(operation_id))

    async def forget_old(self, now: datetime, retention: timedelta, running: Collection[str] = ()) -> None:
        """Forgets what has not changed for so long, except for the ids in `running`."""
        for item in await self._objects.list(self._folder):
            if now - item.modified_time > retention and self._id(item.key) not in running:
                await self._objects.delete(item.key)

    async def _ids(self) -> Sequence[str]:
        return [self._id(item.key) for item in await self._objects.list(self._folder)]

    def _id(self, key: str) -> str:
        return key.removeprefix(self._folder).removesuffix(".json")

    def _key(self, operation_id: str) -> str:
        return f"{self._folder}{operation_id}.json"
