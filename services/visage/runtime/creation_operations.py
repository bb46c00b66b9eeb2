"""Operations of creations: a record each, whose state is that of what is being created."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from google.longrunning import operations_pb2

from visage.runtime.creations import CreationJobs
from visage.runtime.errors import ResourceNotReady
from visage.runtime.operation_records import OperationRecord, OperationRecords
from visage.runtime.operations import new_operation_id, operation_id_of, page_behind, wait_until_done

RecordT = TypeVar("RecordT", bound=OperationRecord)


class CreationOperations(Generic[RecordT]):
    """Implements `operations_servicer.Operations`."""

    def __init__(
        self,
        records: OperationRecords[RecordT],
        jobs: CreationJobs[Any],
        show: Callable[[RecordT], Awaitable[operations_pb2.Operation]],
    ) -> None:
        """Prepares; `show` returns a record as it goes over the wire."""
        self._records = records
        self._jobs = jobs
        self._show = show

    async def get(self, name: str) -> operations_pb2.Operation:
        """Returns an operation as it stands."""
        return await self._show(await self._records.get(operation_id_of(name)))

    async def wait(self, name: str, limit_s: float) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is after `limit_s` seconds."""
        operation_id = operation_id_of(name)

        async def wait_here(left_s: float) -> bool:
            return await self._jobs.wait(operation_id, left_s)

        return await wait_until_done(lambda: self.get(name), lambda seen: bool(seen.done), limit_s, wait_here)

    async def list(self, after: str, count: int) -> tuple[Sequence[operations_pb2.Operation], str]:
        """Returns up to `count` operations behind the one of id `after`, newest first, and the next page's token."""
        records = await self._records.list()
        chosen, token = page_behind(records, lambda record: record.operation_id, after, count)
        return [await self._show(record) for record in chosen], token

    async def cancel(self, name: str) -> None:
        """Cancels an operation that runs in this process; one that is done stays as it is."""
        record = await self._records.get(operation_id_of(name))
        await self._jobs.cancel(record.operation_id)

    async def delete(self, name: str) -> None:
        """Forgets an operation that is done. Raises ResourceNotReady while it runs."""
        if not (await self.get(name)).done:
            raise ResourceNotReady("operation", name, "RUNNING")
        await self._records.delete(operation_id_of(name))


async def begin_creation(
    records: OperationRecords[RecordT],
    jobs: CreationJobs[Any],
    kind: str,
    request_id: str,
    load: Callable[[], Awaitable[bytes]],
    enter: Callable[[str, bytes], Awaitable[RecordT]],
) -> RecordT:
    """Returns the operation of a new creation, or that of an earlier call with the same request id.

    Args:
        records: Of the operations.
        jobs: Of the creations.
        kind: Of call, for ids that are derived from request ids.
        request_id: The caller's; empty for none.
        load: Returns what the creation starts from; only called for a new one.
        enter: Enters the creation of an operation's id and starts its job.

    Raises:
        Overloaded: Too many creations wait already.
        VisageError: Whatever `load` and `enter` raise.
    """
    operation_id = new_operation_id(kind, request_id)
    earlier = await records.find(operation_id) if request_id else None
    if earlier is not None:
        return earlier
    jobs.check_load()
    content = await load()
    # Once begun, it runs to the point where the job has taken over, whatever becomes of the call.
    return await asyncio.shield(enter(operation_id, content))
