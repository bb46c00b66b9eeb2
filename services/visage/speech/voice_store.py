"""Cloned voices in an object store.

    voices/<id>.json            the record: what counts
    voice_blobs/<uid>/<sha256>  how the base voice is converted
    voice_operations/<id>.json  CreateVoice calls

Nothing of the sample itself is kept. A record gets its content only once its blob is there, and disappears before it
does; blobs without a record are what a crash left.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Final

from visage.runtime.errors import ResourceExists, ResourceNotFound
from visage.runtime.operation_records import OperationRecords
from visage.runtime.store import KeyMissing, ObjectStore
from visage.speech.voice_records import VOICE_PREFIX, CloneContent, CreationRecord, VoiceRecord

_BLOBS: Final = "voice_blobs/"
_OPERATIONS: Final = "voice_operations/"
_LEFTOVER_AGE: Final = timedelta(minutes=10)


class VoiceStore:
    """Records and blobs; changes of one process are serialised.

    Attributes:
        operations: CreateVoice calls.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self.operations = OperationRecords(objects, _OPERATIONS, CreationRecord)
        self._changing = asyncio.Lock()

    async def get(self, voice_id: str) -> VoiceRecord:
        """Returns a record. Raises ResourceNotFound."""
        try:
            return VoiceRecord.model_validate_json(await self._objects.get(_voice_key(voice_id)))
        except KeyMissing:
            raise ResourceNotFound("voice", VOICE_PREFIX + voice_id) from None

    async def find(self, voice_id: str) -> VoiceRecord | None:
        """Returns a record, or None."""
        try:
            return await self.get(voice_id)
        except ResourceNotFound:
            return None

    async def list_changes(self) -> dict[str, datetime]:
        """Returns the ids of all records and when each was written."""
        listed = await self._objects.list(VOICE_PREFIX)
        return {item.key.removeprefix(VOICE_PREFIX).removesuffix(".json"): item.modified_time for item in listed}

    async def reserve(self, record: VoiceRecord, operation: CreationRecord) -> bool:
        """Enters a voice that is being made; False when the operation exists already.

        Raises:
            ResourceExists: The id is taken.
        """
        if not await self.operations.create(operation):
            return False
        if not await self._objects.create(_voice_key(record.voice_id), record.to_json()):
            await self.operations.delete(operation.operation_id)
            raise ResourceExists("voice", record.name)
        return True

    async def complete(self, record: VoiceRecord, conversion: bytes, content: CloneContent) -> None:
        """Finishes a voice. Raises ResourceNotFound when it was deleted meanwhile."""
        await self._objects.put(_blob_key(record.uid, content.conversion), conversion)
        async with self._changing:
            current = await self.find(record.voice_id)
            if current is None or current.uid != record.uid:
                await self._objects.delete_below(f"{_BLOBS}{record.uid}/")
                raise ResourceNotFound("voice", record.name)
            finished = record.model_copy(update={"content": content})
            await self._objects.put(_voice_key(record.voice_id), finished.to_json())

    async def read_conversion(self, record: VoiceRecord) -> bytes:
        """Returns the blob of a finished voice. Raises ResourceNotFound when it is deleted meanwhile."""
        assert record.content is not None
        try:
            return await self._objects.get(_blob_key(record.uid, record.content.conversion))
        except KeyMissing:
            raise ResourceNotFound("voice", record.name) from None

    async def erase(self, voice_id: str, uid: str) -> None:
        """Removes a voice and everything derived from its sample, the record first; may be repeated."""
        async with self._changing:
            current = await self.find(voice_id)
            if current is not None and current.uid == uid:
                await self._objects.delete(_voice_key(voice_id))
        await self._objects.delete_below(f"{_BLOBS}{uid}/")

    async def remove_leftovers(self, now: datetime, retention: timedelta, failure: str) -> None:
        """Undoes abandoned creations (their operations get `failure`), forgets old operations and blobs of no voice."""
        uids = set()
        for voice_id in await self.list_changes():
            record = await self.find(voice_id)
            if record is None:
                continue
            if record.content is None and now > record.expire_time:
                await self.erase(voice_id, record.uid)
                await self.operations.fail(record.operation_id, failure)
                continue
            uids.add(record.uid)
        await self.operations.forget_old(now, retention)
        for item in await self._objects.list(_BLOBS):
            uid = item.key.removeprefix(_BLOBS).partition("/")[0]
            if uid not in uids and now - item.modified_time > _LEFTOVER_AGE:
                await self._objects.delete(item.key)
        await self._objects.remove_unfinished(older_than_s=_LEFTOVER_AGE.total_seconds())


def digest_of(conversion: bytes) -> str:
    """The sha256 under which a conversion is kept."""
    return hashlib.sha256(conversion).hexdigest()


def _voice_key(voice_id: str) -> str:
    return f"{VOICE_PREFIX}{voice_id}.json"


def _blob_key(uid: str, digest: str) -> str:
    return f"{_BLOBS}{uid}/{digest}"
