"""RenderService and google.longrunning.Operations: messages in, messages out."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from google.longrunning import operations_pb2

from visage.composition.renders.operations import Renders
from visage.composition.renders.store import RenderView
from visage.runtime.operations import PREFIX
from visage.runtime.operations_servicer import operations_service
from visage.runtime.server import Servicer
from visage.runtime.wire import duration_of
from visage.v1 import render_service_pb2 as pb
from visage.v1 import render_service_pb2_grpc

_LONGEST_WAIT_S: Final = 60.0


class RenderServicer(render_service_pb2_grpc.RenderServiceServicer):
    """Implements `visage.v1.RenderService`."""

    def __init__(self, renders: Renders) -> None:
        self._renders = renders

    async def CreateRender(self, request: pb.CreateRenderRequest, context: Any) -> operations_pb2.Operation:
        """Enters a render."""
        return operation_message(self._renders, await self._renders.create(request))


class RenderOperations:
    """Implements `operations_servicer.Operations`."""

    def __init__(self, renders: Renders) -> None:
        self._renders = renders

    async def get(self, name: str) -> operations_pb2.Operation:
        """Returns a render as it stands."""
        return operation_message(self._renders, await self._renders.get(name))

    async def wait(self, name: str, limit_s: float) -> operations_pb2.Operation:
        """Returns a render once it is done, or as it is after `limit_s` seconds."""
        return operation_message(self._renders, await self._renders.wait(name, limit_s))

    async def list(self, after: str, count: int) -> tuple[Sequence[operations_pb2.Operation], str]:
        """Returns a page of renders, newest first."""
        views, token = await self._renders.list(after, count)
        return [operation_message(self._renders, view) for view in views], token

    async def cancel(self, name: str) -> None:
        """Cancels a render."""
        await self._renders.cancel(name)

    async def delete(self, name: str) -> None:
        """Forgets a render that is done."""
        await self._renders.delete(name)


def operation_message(renders: Renders, view: RenderView) -> operations_pb2.Operation:
    """Returns a render as an operation."""
    expire_time = renders.retention.expire_time(view)
    message = operations_pb2.Operation(name=PREFIX + view.record.render_id, done=view.outcome is not None)
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
        operations_service(RenderOperations(renders), _LONGEST_WAIT_S),
    )
