"""google.longrunning.Operations for CreateVoice: their state is derived from the voice and survives a restart."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any, Final

import grpc
import structlog
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2
from google.rpc import error_details_pb2, status_pb2

from visage.runtime.deadlines import remaining_s
from visage.runtime.errors import InvalidField, ResourceNotFound, ResourceNotReady, VisageError
from visage.runtime.status import to_status
from visage.speech.cloned_voices import ClonedVoices
from visage.speech.create_voice import Stage
from visage.speech.messages import voice_message
from visage.speech.voice_creations import VoiceCreations
from visage.speech.voice_records import OPERATION_PREFIX, VOICE_PREFIX, CreationRecord
from visage.speech.voice_store import VoiceStore
from visage.v1 import voice_cloning_pb2

_NAME: Final = re.compile(r"operations/([a-z0-9-]{1,64})")
_DEFAULT_PAGE_SIZE: Final = 50
_LARGEST_PAGE_SIZE: Final = 1000
_LOOK_S: Final = 0.5


class VoiceOperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # googleapis ships no types
    """`longest_wait_s` caps WaitOperation for callers that would wait longer."""

    def __init__(
        self, store: VoiceStore, voices: ClonedVoices, creations: VoiceCreations, longest_wait_s: float
    ) -> None:
        self._store = store
        self._voices = voices
        self._creations = creations
        self._longest_wait_s = longest_wait_s

    async def view(self, record: CreationRecord) -> operations_pb2.Operation:
        """Returns the state of an operation: running, failed, or done with the voice."""
        stage = self._creations.stage(record.operation_id) or Stage.DECODING
        message = operations_pb2.Operation(name=record.name, done=bool(record.error))
        metadata = voice_cloning_pb2.CreateVoiceMetadata(
            voice=VOICE_PREFIX + record.voice_id, stage=f"STAGE_{stage}", progress_percent=stage.percent
        )
        if record.error:
            message.error.ParseFromString(base64.b64decode(record.error))
        elif (voice := await self._finished(record)) is not None:
            message.done = True
            message.response.Pack(voice)
            metadata.stage = voice_cloning_pb2.CreateVoiceMetadata.STAGE_STORING
            metadata.progress_percent = 100
        message.metadata.Pack(metadata)
        return message

    async def _finished(self, record: CreationRecord) -> Any:
        voice = await self._store.find(record.voice_id)
        if voice is None or voice.uid != record.uid or voice.content is None:
            return None
        try:
            return voice_message((await self._voices.all()).get(voice.name))
        except ResourceNotFound:
            # Its base voice is not installed on this replica.
            return None

    async def GetOperation(self, request: operations_pb2.GetOperationRequest, context: Any) -> operations_pb2.Operation:
        """Returns the state of an operation."""
        return await self.view(await self._store.get_operation(_read_name(request.name)))

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        """Returns an operation once it is done, or as it is when the time is up."""
        limit_s = remaining_s(context, self._longest_wait_s)
        if request.HasField("timeout"):
            limit_s = min(limit_s, max(0.0, request.timeout.ToTimedelta().total_seconds()))
        operation_id = _read_name(request.name)
        loop = asyncio.get_running_loop()
        end_s = loop.time() + limit_s
        message = await self.view(await self._store.get_operation(operation_id))
        while not message.done and (left_s := end_s - loop.time()) > 0:
            if self._creations.stage(operation_id) is not None:
                await self._creations.wait(operation_id, left_s)
            else:
                # It runs in another process.
                await asyncio.sleep(min(_LOOK_S, left_s))
            message = await self.view(await self._store.get_operation(operation_id))
        return message

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        """Returns a page of operations, newest first."""
        if request.name not in ("", OPERATION_PREFIX.rstrip("/")):
            raise InvalidField("name", f"must be {OPERATION_PREFIX.rstrip('/')!r} or empty")
        if request.filter:
            raise InvalidField("filter", "is not supported")
        if not 0 <= request.page_size <= _LARGEST_PAGE_SIZE:
            raise InvalidField("page_size", "is out of range", limit=f"0 to {_LARGEST_PAGE_SIZE}")
        records = await self._store.list_operations()
        ids = [record.operation_id for record in records]
        if request.page_token and request.page_token not in ids:
            raise InvalidField("page_token", "is not a token of an earlier page")
        start = ids.index(request.page_token) + 1 if request.page_token else 0
        chosen = records[start : start + (request.page_size or _DEFAULT_PAGE_SIZE)]
        more = start + len(chosen) < len(records)
        return operations_pb2.ListOperationsResponse(
            operations=[await self.view(record) for record in chosen],
            next_page_token=chosen[-1].operation_id if more else "",
        )

    async def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: Any) -> empty_pb2.Empty:
        """Cancels an operation that runs in this process; one that is done stays as it is."""
        record = await self._store.get_operation(_read_name(request.name))
        await self._creations.cancel(record.operation_id)
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: Any) -> empty_pb2.Empty:
        """Forgets an operation that is done."""
        record = await self._store.get_operation(_read_name(request.name))
        if not (await self.view(record)).done:
            raise ResourceNotReady("operation", request.name, "RUNNING")
        await self._store.delete_operation(record.operation_id)
        return empty_pb2.Empty()


def pack_failure(error: VisageError | None) -> str:
    """Returns an error as operations keep it: base64 of google.rpc.Status with its details; None is a cancellation."""
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    if error is not None:
        status = to_status(error, request_id)
    else:
        status = status_pb2.Status(code=grpc.StatusCode.CANCELLED.value[0], message="cancelled")
        status.details.add().Pack(error_details_pb2.RequestInfo(request_id=request_id))
    return base64.b64encode(status.SerializeToString()).decode()


def _read_name(name: str) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidField("name", f"does not match {OPERATION_PREFIX}{{operation}}")
    return match[1]
