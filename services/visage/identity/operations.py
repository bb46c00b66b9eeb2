"""Operations of creations: their state is derived from the identity they create, so that it survives a restart."""

from __future__ import annotations

from dataclasses import dataclass

from visage.identity.create import Stage
from visage.identity.records import CreationRecord, IdentityRecord, State
from visage.identity.store import IdentityStore
from visage.runtime.creations import CreationJobs


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation as callers see it: running, failed (`record.error`) or done (`identity` is READY)."""

    record: CreationRecord
    stage: Stage
    identity: IdentityRecord | None

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return bool(self.record.error) or self.identity is not None


class Operations:
    """Operations of one store and of the creations in progress."""

    def __init__(self, store: IdentityStore, jobs: CreationJobs[Stage]) -> None:
        self._store = store
        self._jobs = jobs

    async def view(self, record: CreationRecord) -> OperationView:
        """Returns the state of an operation."""
        stage = self._jobs.stage(record.operation_id)
        identity = None if record.error else await self._store.find(record.identity_id)
        if identity is None or identity.uid != record.uid or identity.state is not State.READY:
            return OperationView(record, stage, None)
        return OperationView(record, Stage.STORING, identity)
