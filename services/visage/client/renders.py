"""Films that are made in the background and kept."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Final

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2

from visage.client import errors, values, wire
from visage.client.connection import Connection
from visage.v1 import composition_service_pb2, render_service_pb2_grpc
from visage.v1 import render_service_pb2 as pb

_LOOK: Final = duration_pb2.Duration(nanos=500_000_000)


class RendersClient:
    """Renders of the composition service; they are named by their operations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _operations(self) -> operations_pb2_grpc.OperationsStub:
        return operations_pb2_grpc.OperationsStub(self._connection.channel("composition"))

    async def create(
        self, request: composition_service_pb2.GenerateAvatarRequest, *, request_id: str = ""
    ) -> values.RenderJob:
        """Begins a render of what `generation.request` made; the same `request_id` (a UUID) begins it once."""
        stub = render_service_pb2_grpc.RenderServiceStub(self._connection.channel("composition"))
        message = pb.CreateRenderRequest(generation=request, request_id=request_id or str(uuid.uuid4()))
        return _job(await self._connection.unary(stub.CreateRender, message))

    async def get(self, name: str) -> values.RenderJob:
        """Returns a render as it stands."""
        request = operations_pb2.GetOperationRequest(name=name)
        return _job(await self._connection.unary(self._operations().GetOperation, request))

    async def wait(self, name: str) -> values.RenderJob:
        """Returns a render once it is done; raises the error that it ended with."""
        while True:
            request = operations_pb2.WaitOperationRequest(name=name, timeout=_LOOK)
            operation = await self._connection.unary(self._operations().WaitOperation, request)
            if operation.HasField("error"):
                raise errors.from_status(operation.error)
            if operation.done:
                return _job(operation)

    async def list(self) -> AsyncIterator[values.RenderJob]:
        """Yields all renders, newest first."""
        token = ""
        while True:
            request = operations_pb2.ListOperationsRequest(page_token=token)
            page = await self._connection.unary(self._operations().ListOperations, request)
            for operation in page.operations:
                yield _job(operation)
            token = page.next_page_token
            if not token:
                return

    async def cancel(self, name: str) -> None:
        """Stops a render; one that is done stays as it is."""
        request = operations_pb2.CancelOperationRequest(name=name)
        await self._connection.unary(self._operations().CancelOperation, request)

    async def delete(self, name: str) -> None:
        """Forgets a render that is done; its film, which would expire with it, stays until it is deleted."""
        request = operations_pb2.DeleteOperationRequest(name=name)
        await self._connection.unary(self._operations().DeleteOperation, request)


def _job(operation: operations_pb2.Operation) -> values.RenderJob:
    metadata, render = pb.RenderMetadata(), pb.Render()
    operation.metadata.Unpack(metadata)
    asset = ""
    if operation.HasField("response"):
        operation.response.Unpack(render)
        asset = render.asset
    state = pb.RenderMetadata.State.Name(metadata.state).removeprefix("STATE_").lower()
    error = errors.from_status(operation.error) if operation.HasField("error") else None
    return values.RenderJob(
        operation.name,
        "failed" if error is not None else state,
        wire.seconds(metadata.media_duration),
        metadata.attempt_count,
        metadata.create_time.ToDatetime(UTC),
        asset,
        error.message if error is not None else "",
        metadata.expire_time.ToDatetime(UTC) if metadata.HasField("expire_time") else None,
    )
