"""What a call can raise, as exceptions with attributes instead of status codes.

VisageError
├── InvalidRequest        INVALID_ARGUMENT, OUT_OF_RANGE: the request is at fault; `fields` says where
├── NotUsable             FAILED_PRECONDITION: the photo or the resource cannot serve; `cause` says why
├── NotFound              NOT_FOUND
├── Conflict              ALREADY_EXISTS, ABORTED
├── Busy                  RESOURCE_EXHAUSTED: come back after `retry_after_s`
├── Unavailable           UNAVAILABLE: a service or a model is away; may be tried again
├── TimedOut              DEADLINE_EXCEEDED
└── Failed                anything else: a defect of the service
"""

from __future__ import annotations

from typing import Final

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

STATUS_KEY: Final = "grpc-status-details-bin"


class VisageError(Exception):
    """Base of all; attributes are filled from the google.rpc details that came with the status.

    Attributes: `reason` (visage.v1.ErrorReason without prefix), `metadata`, `fields` (path → what is wrong),
    `retry_after_s`, `request_id`.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: dict[str, str] | None = None,
        fields: dict[str, str] | None = None,
        retry_after_s: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = metadata or {}
        self.fields = fields or {}
        self.retry_after_s = retry_after_s
        self.request_id = request_id


class InvalidRequest(VisageError):
    """The request is at fault; `fields` says where and what the limit is."""


class NotUsable(VisageError):
    """The photo or the resource cannot serve; `metadata["cause"]` or `metadata["state"]` says why.

    Where a measured number decided against a photo, `metadata` has its `measure`, `value` and `limit` besides.
    """


class NotFound(VisageError):
    """No such resource."""


class Conflict(VisageError):
    """The id is taken, or somebody changed the resource meanwhile."""


class Busy(VisageError):
    """All places are taken; come back after `retry_after_s`."""


class Unavailable(VisageError):
    """A service or a model is away; may be tried again."""


class TimedOut(VisageError):
    """Not done within the deadline."""


class Failed(VisageError):
    """A defect of the service; its log has `request_id`."""


BY_CODE: Final[dict[grpc.StatusCode, type[VisageError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.DATA_LOSS: InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: NotUsable,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Busy,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOut,
}


def from_rpc(error: grpc.aio.AioRpcError) -> VisageError:
    """Returns the exception for a failed call."""
    packed = next((value for key, value in error.trailing_metadata() or () if key == STATUS_KEY), None)
    status = status_pb2.Status.FromString(packed) if packed else status_pb2.Status()
    return _build(error.code(), error.details() or error.code().name, status)


def from_status(status: status_pb2.Status) -> VisageError:
    """Returns the exception for the error of an operation."""
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    return _build(code, status.message, status)


def _build(code: grpc.StatusCode, message: str, status: status_pb2.Status) -> VisageError:
    error = BY_CODE.get(code, Failed)(message)
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        request = error_details_pb2.RequestInfo()
        if detail.Unpack(info):
            error.reason = info.reason
            error.metadata = dict(info.metadata)
        elif detail.Unpack(bad):
            error.fields = {violation.field: violation.description for violation in bad.field_violations}
        elif detail.Unpack(retry):
            error.retry_after_s = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
        elif detail.Unpack(request):
            error.request_id = request.request_id
    return error
