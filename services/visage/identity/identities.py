"""The standard verbs on identities: get, list, update, delete."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from visage.identity.creations import Creations
from visage.identity.records import IdentityRecord, Owner, State, WorkRecord
from visage.identity.store import IdentityStore
from visage.runtime.errors import EtagMismatch, InvalidField, ResourceNotFound, ResourceNotReady

DEFAULT_PAGE_SIZE: Final = 50
_ORDER_KEY: Final = re.compile(r"\d{13}-[a-z][a-z0-9-]{2,62}")
_DELETION_LIMIT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Page:
    """Some identities, newest first, and the token for those that follow; empty on the last page."""

    identities: list[IdentityRecord]
    next_token: str


class Identities:
    """Identities of one store."""

    def __init__(self, store: IdentityStore, creations: Creations) -> None:
        self._store = store
        self._creations = creations

    async def get(self, identity_id: str) -> IdentityRecord:
        """Returns an identity. Raises ResourceNotFound."""
        return await self._store.get(identity_id)

    async def get_ready(self, identity_id: str) -> IdentityRecord:
        """Returns an identity that has its avatar. Raises ResourceNotFound or ResourceNotReady."""
        record = await self._store.get(identity_id)
        if record.state is not State.READY:
            raise ResourceNotReady("identity", record.name, record.state)
        return record

    async def list(self, page_size: int, page_token: str) -> Page:
        """Returns a page; identities made meanwhile belong before the first one and do not disturb the order.

        Raises:
            InvalidField: The token is not one that a page came with.
        """
        after = _read_token(page_token) if page_token else ""
        records, more = await self._store.list_after(after, page_size or DEFAULT_PAGE_SIZE)
        return Page(records, _write_token(records[-1].order_key) if more and records else "")

    async def update(self, identity_id: str, etag: str, changes: Mapping[str, object]) -> IdentityRecord:
        """Sets fields of the record. Raises ResourceNotFound, or EtagMismatch when `etag` is given and stale."""
        now = datetime.now(UTC)
        return await self._store.update(
            identity_id, etag, lambda record: record.model_copy(update={**changes, "update_time": now})
        )

    async def delete(self, identity_id: str, etag: str) -> None:
        """Deletes an identity and all that was derived from it; one that is being created is cancelled.

        Raises:
            ResourceNotFound: There is no such identity.
            EtagMismatch: `etag` is given and stale.
        """
        record = await self._store.get(identity_id)
        if etag and etag != record.etag:
            raise EtagMismatch("identity", record.name)
        await self._creations.jobs.cancel(record.operation_id)
        current = await self._store.find(identity_id)
        if current is None or current.uid != record.uid:
            return
        work = WorkRecord(
            kind="delete",
            uid=record.uid,
            identity_id=identity_id,
            operation_id=record.operation_id,
            order_key=record.order_key,
            owner=Owner.current(),
            expire_time=datetime.now(UTC) + _DELETION_LIMIT,
            assets=(current.content.preview_asset,) if current.content else (),
        )
        await self._store.put_work(work)
        await self._store.erase(work)
        await self._store.operations.delete(work.operation_id)
        await self._store.remove_work(work)

    async def delete_if_there(self, identity_id: str, etag: str) -> None:
        """Deletes an identity if there is one."""
        try:
            await self.delete(identity_id, etag)
        except ResourceNotFound:
            return


def _write_token(order_key: str) -> str:
    return base64.urlsafe_b64encode(order_key.encode()).decode().rstrip("=")


def _read_token(token: str) -> str:
    try:
        order_key = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        order_key = ""
    if not _ORDER_KEY.fullmatch(order_key):
        raise InvalidField("page_token", "is not a token of an earlier page")
    return order_key
