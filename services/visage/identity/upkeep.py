"""Upkeep of the store: finishes what a crash interrupted and forgets what is old."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from visage.identity.creations import PackFailure, interrupted
from visage.identity.records import WorkRecord
from visage.identity.store import IdentityStore
from visage.runtime import logs

_log = logs.get(__name__)


async def clean_up(
    store: IdentityStore, pack_failure: PackFailure, retention: timedelta, now: datetime | None = None
) -> int:
    """Undoes abandoned creations, completes abandoned deletions, forgets operations older than `retention`.

    Returns how many pieces of work were abandoned. Safe to run in several processes at a time.
    """
    now = now or datetime.now(UTC)
    work = await store.list_work()
    abandoned = [item for item in work if item.is_abandoned(now)]
    for item in abandoned:
        await _settle(store, item, pack_failure)
        _log.warning("abandoned_work_settled", kind=item.kind, operation=item.operation_id)
    await store.remove_leftovers(now, retention, work)
    return len(abandoned)


async def _settle(store: IdentityStore, work: WorkRecord, pack_failure: PackFailure) -> None:
    if work.kind == "delete":
        await store.erase(work)
        await store.delete_operation(work.operation_id)
    elif not await store.is_ready(work.identity_id, work.uid):
        await store.erase(work)
        await store.fail_operation(work.operation_id, pack_failure(interrupted()))
    await store.remove_work(work)


class Upkeep:
    """Cleans up now and then until it is closed."""

    def __init__(self, store: IdentityStore, pack_failure: PackFailure, retention: timedelta, period_s: float) -> None:
        self._store = store
        self._pack_failure = pack_failure
        self._retention = retention
        self._period_s = period_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Cleans up once, then in the background."""
        await clean_up(self._store, self._pack_failure, self._retention)
        self._task = asyncio.create_task(self._run(), name="identity-upkeep")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            try:
                await clean_up(self._store, self._pack_failure, self._retention)
            except Exception as error:
                _log.error("upkeep_broke", exc_info=error)

    async def close(self) -> None:
        """Stops the background work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
