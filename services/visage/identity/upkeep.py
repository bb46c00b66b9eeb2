"""Upkeep of the store: finishes what a crash interrupted and forgets what is old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from visage.identity.records import WorkRecord
from visage.identity.store import IdentityStore
from visage.runtime import logs
from visage.runtime.creations import interrupted
from visage.runtime.operations import pack_failure

_log = logs.get(__name__)


async def clean_up(store: IdentityStore, retention: timedelta, now: datetime | None = None) -> int:
    """Undoes abandoned creations, completes abandoned deletions, forgets operations older than `retention`.

    Returns how many pieces of work were abandoned. Safe to run in several processes at a time.
    """
    now = now or datetime.now(UTC)
    work = await store.list_work()
    abandoned = [item for item in work if item.is_abandoned(now)]
    for item in abandoned:
        await _settle(store, item)
        _log.warning("abandoned_work_settled", kind=item.kind, operation=item.operation_id)
    await store.remove_leftovers(now, retention, work)
    return len(abandoned)


async def _settle(store: IdentityStore, work: WorkRecord) -> None:
    if work.kind == "delete":
        await store.erase(work)
        await store.operations.delete(work.operation_id)
    elif not await store.is_ready(work.identity_id, work.uid):
        await store.erase(work)
        await store.operations.fail(work.operation_id, pack_failure(interrupted()))
    await store.remove_work(work)
