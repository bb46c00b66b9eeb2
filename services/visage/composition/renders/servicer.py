"""RenderService and google.longrunning.Operations: messages in, messages out."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, Final

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from visage.composition.renders.operations import Renders
from visage.composition.renders.records import OPERATION_PREFIX
from visage.composition.renders.store import RenderView
from visage.runtime.deadlines import remaining_s
from visage.runtime.errors import InvalidField
from visage.runtime.server import Servicer
from visage.runtime.wire import duration_of
from visage.v1 import render_service_pb2 as pb
from visage.v1 import render_service_pb2_grpc

_COLLECTION: Final = "operations"
_DEFAULT_PAGE_SIZE: Final = 50
_LARGEST_PAGE_SIZE: Final = 1000
_LONGEST_WAIT_S: Final = 60.0


class RenderServicer(render_service_pb2_grpc.RenderServiceServicer):
    """Implements `visage.v1.RenderService`."""

    def __init__(self, renders: Renders) -> None:
        self._renders = renders

    async def CreateRender(self, request: pb.CreateRenderRequest, context: Any) -> operations_pb2.Operation:
        """Enters a render."""
        return operation_message(self._renders, await self._renders.create(request))


class RenderOperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # googleapis ships no types
    """Implements `google.longrunning.Operations` for renders."""

    def __init__(self, renders: Renders) -> None:
        self._renders = renders

    async def GetOperation(self, request: operations_pb2.GetOperationRequest, context: Any) -> operations_pb2.Operation:
        """Returns the state of a render."""
        return operation_message(self._renders, await self._renders.get(request.name))

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        """Returns a render once it is done, or as it is when the time is up."""
        limit_s = remaining_s(context, _LONGEST_WAIT_S)
        if request.HasField("timeout"):
            limit_s = min(limit_s, max(0.0, request.timeout.ToTimedelta().total_seconds()))
        return operation_message(self._renders, await self._renders.wait(request.name, limit_s))

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        """Returns a page of renders, newest first."""
        if request.name not in ("", _COLLECTION):
            raise InvalidField("name", f"must be {_COLLECTION!r} or empty")
        if request.filter:
            raise InvalidField("filter", "is not supported")
        if not 0 <= request.page_size <= _LARGEST_PAGE_SIZE:
            raise InvalidField("page_size", "is out of range", limit=f"0 to {_LARGEST_PAGE_SIZE}")
        views, token = await self._renders.list(request.page_token, request.page_size or _DEFAULT_PAGE_SIZE)
        messages = [operation_message(self._renders, view) for view in views]
        return operations_pb2.ListOperationsResponse(operations=messages, next_page_token=token)

    async def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: Any) -> empty_pb2.Empty:
        """Cancels a render."""
        await self._renders.cancel(request.name)
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: Any) -> empty_pb2.Empty:
        """Forgets a render that is done."""
        await self._renders.delete(request.name)
        return empty_pb2.Empty()


def operation_message(renders: Renders, view: RenderView) -> operations_pb2.Operation:
    """Returns a render as an operation."""
    expire_time = renders.retention.expire_time(view)
    message = operations_pb2.Operation(name=OPERATION_PREFIX + view.record.render_id, done=view.outcome is not None)
    message.metadata.Pack(_metadata(view, expire_time))
    if view.outcome is not None and view.outcome.error:
        message.error.ParseFromString(base64.b64decode(view.outcome.error))
    elif view.outcome is not None:
        render = pb.Render.FromString(base64.b64decode(view.outcome.render))
        if expire_time is not None:
            render.expire_time.FromDatetime(expire_time)
        message.response.Pack(render)
    return message


def _metadata(view: RenderView, expire_time: datetime | None) -> pb.RenderMetadata:
    state = pb.RenderMetadata.STATE_QUEUED if view.progress is None else pb.RenderMetadata.STATE_RUNNING
    metadata = pb.RenderMetadata(
        render=view.record.name,
        state=state if view.outcome is None else pb.RenderMetadata.STATE_DONE,
    )
    metadata.create_time.FromDatetime(view.record.create_time)
    if expire_time is not None:
        metadata.expire_time.FromDatetime(expire_time)
    if view.progress is not None:
        metadata.segment_count = view.progress.segment_count
        metadata.media_duration.CopyFrom(duration_of(view.progress.media_s))
        metadata.attempt_count = view.progress.attempt_count
    return metadata


def render_services(renders: Renders) -> tuple[Servicer, Servicer]:
    """Returns both services for the server's bootstrap."""
    return (
        Servicer(
            render_service_pb2_grpc.add_RenderServiceServicer_to_server,
            RenderServicer(renders),
            "visage.v1.RenderService",
        ),
        Servicer(
            operations_pb2_grpc.add_OperationsServicer_to_server,
            RenderOperationsServicer(renders),
            "google.longrunning.Operations",
        ),
    )
