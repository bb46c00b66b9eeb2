"""google.longrunning.Operations for CreateIdentity: messages in, messages out."""

from __future__ import annotations

from typing import Any, Final

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from visage.identity.messages import operation_message
from visage.identity.operations import Operations
from visage.runtime.deadlines import remaining_s
from visage.runtime.errors import InvalidField

_COLLECTION: Final = "operations"
_DEFAULT_PAGE_SIZE: Final = 50
_LARGEST_PAGE_SIZE: Final = 1000


class OperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # googleapis ships no types
    """`longest_wait_s` caps WaitOperation for callers that would wait longer."""

    def __init__(self, operations: Operations, longest_wait_s: float) -> None:
        self._operations = operations
        self._longest_wait_s = longest_wait_s

    async def GetOperation(self, request: operations_pb2.GetOperationRequest, context: Any) -> operations_pb2.Operation:
        """Returns the state of an operation."""
        return operation_message(await self._operations.get(request.name))

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is when the time is up."""
        limit_s = remaining_s(context, self._longest_wait_s)
        if request.HasField("timeout"):
            limit_s = min(limit_s, max(0.0, request.timeout.ToTimedelta().total_seconds()))
        return operation_message(await self._operations.wait(request.name, limit_s))

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        """Returns a page of operations, newest first."""
        if request.name not in ("", _COLLECTION):
            raise InvalidField("name", f"must be {_COLLECTION!r} or empty")
        if request.filter:
            raise InvalidField("filter", "is not supported")
        if not 0 <= request.page_size <= _LARGEST_PAGE_SIZE:
            raise InvalidField("page_size", "is out of range", limit=f"0 to {_LARGEST_PAGE_SIZE}")
        views, next_token = await self._operations.list(request.page_token, request.page_size or _DEFAULT_PAGE_SIZE)
        return operations_pb2.ListOperationsResponse(
            operations=map(operation_message, views), next_page_token=next_token
        )

    async def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: Any) -> empty_pb2.Empty:
        """Cancels an operation."""
        await self._operations.cancel(request.name)
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: Any) -> empty_pb2.Empty:
        """Forgets an operation that is done."""
        await self._operations.delete(request.name)
        return empty_pb2.Empty()
