"""Operations of creations: a record each, whose state is that of what is being created."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from google.longrunning import operations_pb2

from visage.runtime.creations import CreationJobs
from visage.runtime.errors import ResourceNotReady
from visage.runtime.operations import operation_id_of, page_behind, wait_until_done


class CreationRecord(Protocol):
    """What a store keeps of an operation."""

    @property
    def operation_id(self) -> str:
        """Last part of its name."""


RecordT = TypeVar("RecordT", bound=CreationRecord)
RecordT_co = TypeVar("RecordT_co", bound=CreationRecord, covariant=True)


class CreationStore(Protocol[RecordT_co]):
    """Keeps operations of one kind."""

    async def get_operation(self, operation_id: str) -> RecordT_co:
        """Returns an operation. Raises ResourceNotFound."""

    async def list_operations(self) -> Sequence[RecordT_co]:
        """Returns all operations, newest first."""

    async def delete_operation(self, operation_id: str) -> None:
        """Forgets an operation."""


class CreationOperations(Generic[RecordT]):
    """Implements `operations_servicer.Operations`."""

    def __init__(
        self,
        store: CreationStore[RecordT],
        jobs: CreationJobs[Any],
        show: Callable[[RecordT], Awaitable[operations_pb2.Operation]],
    ) -> None:
        """Prepares; `show` returns a record as it goes over the wire."""
        self._store = store
        self._jobs = jobs
        self._show = show

    async def get(self, name: str) -> operations_pb2.Operation:
        """Returns an operation as it stands."""
        return await self._show(await self._store.get_operation(operation_id_of(name)))

    async def wait(self, name: str, limit_s: float) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is after `limit_s` seconds."""
        operation_id = operation_id_of(name)

        async def wait_here(left_s: float) -> bool:
            return await self._jobs.wait(operation_id, left_s)

        return await wait_until_done(lambda: self.get(name), lambda seen: bool(seen.done), limit_s, wait_here)

    async def list(self, after: str, count: int) -> tuple[Sequence[operations_pb2.Operation], str]:
        """Returns up to `count` operations behind the one of id `after`, newest first, and the next page's token."""
        records = await self._store.list_operations()
        chosen, token = page_behind(records, lambda record: record.operation_id, after, count)
        return [await self._show(record) for record in chosen], token

    async def cancel(self, name: str) -> None:
        """Cancels an operation that runs in this process; one that is done stays as it is."""
        record = await self._store.get_operation(operation_id_of(name))
        await self._jobs.cancel(record.operation_id)

    async def delete(self, name: str) -> None:
        """Forgets an operation that is done. Raises ResourceNotReady while it runs."""
        if not (await self.get(name)).done:
            raise ResourceNotReady("operation", name, "RUNNING")
        await self._store.delete_operation(operation_id_of(name))
