"""google.longrunning.Operations: messages in, messages out, whatever the operations are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from visage.runtime.deadlines import remaining_s
from visage.runtime.errors import InvalidField
from visage.runtime.operations import COLLECTION
from visage.runtime.server import Servicer

_DEFAULT_PAGE_SIZE: Final = 50
_LARGEST_PAGE_SIZE: Final = 1000


class Operations(Protocol):
    """Operations of one service; all raise ResourceNotFound, or InvalidField for a name that is none."""

    async def get(self, name: str) -> operations_pb2.Operation:
        """Returns an operation as it stands."""

    async def wait(self, name: str, limit_s: float) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is after `limit_s` seconds."""

    async def list(self, after: str, count: int) -> tuple[Sequence[operations_pb2.Operation], str]:
        """Returns up to `count` operations behind the one of id `after`, newest first, and the next page's token."""

    async def cancel(self, name: str) -> None:
        """Cancels an operation; one that is done stays as it is."""

    async def delete(self, name: str) -> None:
        """Forgets an operation that is done. Raises ResourceNotReady while it runs."""


class OperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # googleapis ships no types
    """`longest_wait_s` caps WaitOperation for callers that would wait longer."""

    def __init__(self, operations: Operations, longest_wait_s: float) -> None:
        self._operations = operations
        self._longest_wait_s = longest_wait_s

    async def GetOperation(self, request: operations_pb2.GetOperationRequest, context: Any) -> operations_pb2.Operation:
        """Returns the state of an operation."""
        return await self._operations.get(request.name)

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is when the time is up."""
        limit_s = remaining_s(context, self._longest_wait_s)
        if request.HasField("timeout"):
            limit_s = min(limit_s, max(0.0, request.timeout.ToTimedelta().total_seconds()))
        return await self._operations.wait(request.name, limit_s)

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        """Returns a page of operations, newest first."""
        if request.name not in ("", COLLECTION):
            raise InvalidField("name", f"must be {COLLECTION!r} or empty")
        if request.filter:
            raise InvalidField("filter", "is not supported")
        if not 0 <= request.page_size <= _LARGEST_PAGE_SIZE:
            raise InvalidField("page_size", "is out of range", limit=f"0 to {_LARGEST_PAGE_SIZE}")
        found, token = await self._operations.list(request.page_token, request.page_size or _DEFAULT_PAGE_SIZE)
        return operations_pb2.ListOperationsResponse(operations=found, next_page_token=token)

    async def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: Any) -> empty_pb2.Empty:
        """Cancels an operation."""
        await self._operations.cancel(request.name)
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: Any) -> empty_pb2.Empty:
        """Forgets an operation that is done."""
        await self._operations.delete(request.name)
        return empty_pb2.Empty()


def operations_service(operations: Operations, longest_wait_s: float) -> Servicer:
    """Returns the service for the server's bootstrap."""
    return Servicer(
        operations_pb2_grpc.add_OperationsServicer_to_server,
        OperationsServicer(operations, longest_wait_s),
        "google.longrunning.Operations",
    )
