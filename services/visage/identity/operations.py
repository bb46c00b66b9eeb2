"""Long-running operations: their state is derived from the identity they create, so that it survives a restart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from visage.identity.create import Stage
from visage.identity.creations import Creations
from visage.identity.records import OPERATION_PREFIX, IdentityRecord, OperationRecord, State
from visage.identity.store import IdentityStore
from visage.runtime.errors import InvalidField, ResourceNotReady

_NAME: Final = re.compile(r"operations/([a-z0-9-]{1,64})")
_FIRST_LOOK_S: Final = 0.1
_SLOWEST_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation as callers see it: running, failed (`record.error`) or done (`identity` is READY)."""

    record: OperationRecord
    stage: Stage
    identity: IdentityRecord | None

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return bool(self.record.error) or self.identity is not None


class Operations:
    """Operations of one store."""

    def __init__(self, store: IdentityStore, creations: Creations) -> None:
        self._store = store
        self._creations = creations

    async def get(self, name: str) -> OperationView:
        """Returns an operation. Raises ResourceNotFound, or InvalidField when the name is none."""
        return await self.view(await self._store.get_operation(_read_name(name)))

    async def view(self, record: OperationRecord) -> OperationView:
        """Returns the state of an operation."""
        stage = self._creations.stage(record.operation_id) or Stage.DECODING
        identity = None if record.error else await self._store.find(record.identity_id)
        if identity is None or identity.uid != record.uid or identity.state is not State.READY:
            return OperationView(record, stage, None)
        return OperationView(record, Stage.STORING, identity)

    async def wait(self, name: str, limit_s: float) -> OperationView:
        """Returns an operation once it is done, or as it is after `limit_s` seconds."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + limit_s
        pause_s = _FIRST_LOOK_S
        view = await self.get(name)
        while not view.is_done and (left_s := end_s - loop.time()) > 0:
            if self._creations.stage(view.record.operation_id) is not None:
                await self._creations.wait(view.record.operation_id, left_s)
            else:
                # It runs in another process.
                await asyncio.sleep(min(pause_s, left_s))
                pause_s = min(2 * pause_s, _SLOWEST_LOOK_S)
            view = await self.get(name)
        return view

    async def list(self, after: str, count: int) -> tuple[Sequence[OperationView], str]:
        """Returns up to `count` operations that follow the one of id `after`, newest first, and the last one's id
        when more follow."""
        records = await self._store.list_operations()
        ids = [record.operation_id for record in records]
        if after and after not in ids:
            raise InvalidField("page_token", "is not a token of an earlier page")
        start = ids.index(after) + 1 if after else 0
        chosen = records[start : start + count]
        views = await asyncio.gather(*(self.view(record) for record in chosen))
        return views, chosen[-1].operation_id if len(records) > start + count else ""

    async def cancel(self, name: str) -> None:
        """Cancels an operation that runs in this process; one that is done stays as it is."""
        view = await self.get(name)
        if not view.is_done:
            await self._creations.cancel(view.record.operation_id)

    async def delete(self, name: str) -> None:
        """Forgets an operation that is done. Raises ResourceNotReady while it runs."""
        view = await self.get(name)
        if not view.is_done:
            raise ResourceNotReady("operation", name, "RUNNING")
        await self._store.delete_operation(view.record.operation_id)


def _read_name(name: str) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidField("name", f"does not match {OPERATION_PREFIX}{{operation}}")
    return match[1]
