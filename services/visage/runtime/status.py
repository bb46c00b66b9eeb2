"""The one table between `errors` and gRPC status codes, and the google.rpc details that each error carries."""

from __future__ import annotations

import math
from typing import Final

import grpc
from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import error_details_pb2, status_pb2

from visage.runtime import errors

DOMAIN: Final = "visage.internal"
STATUS_KEY: Final = "grpc-status-details-bin"

CODES: Final[dict[str, grpc.StatusCode]] = {
    "FIELD_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "STREAM_OUT_OF_ORDER": grpc.StatusCode.INVALID_ARGUMENT,
    "MEDIA_UNDECODABLE": grpc.StatusCode.INVALID_ARGUMENT,
    "MEDIA_TOO_LARGE": grpc.StatusCode.INVALID_ARGUMENT,
    "FACE_NOT_USABLE": grpc.StatusCode.FAILED_PRECONDITION,
    "SPEECH_NOT_USABLE": grpc.StatusCode.FAILED_PRECONDITION,
    "RESOURCE_NOT_READY": grpc.StatusCode.FAILED_PRECONDITION,
    "RESOURCE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "RESOURCE_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "ETAG_MISMATCH": grpc.StatusCode.ABORTED,
    "STREAM_TOO_LONG": grpc.StatusCode.OUT_OF_RANGE,
    "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "MODEL_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "PEER_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "DRAINING": grpc.StatusCode.UNAVAILABLE,
    "DEADLINE": grpc.StatusCode.DEADLINE_EXCEEDED,
    "CLIENT_STALLED": grpc.StatusCode.ABORTED,
    "CHECKSUM_MISMATCH": grpc.StatusCode.DATA_LOSS,
    "CANCELLED": grpc.StatusCode.CANCELLED,
    "RENDER_NOT_STARTED": grpc.StatusCode.FAILED_PRECONDITION,
    "RENDER_LOST": grpc.StatusCode.UNAVAILABLE,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}

_TEXT_BYTES: Final = 240
_VIOLATIONS_BYTES: Final = 2_000
"""What callers sent may stand in an error, however long: bounded, since clients take 8 KiB of trailing metadata and
show RESOURCE_EXHAUSTED in the place of anything larger."""

_BY_NUMBER: Final = {code.value[0]: code for code in grpc.StatusCode}


def code_of(error: errors.VisageError) -> grpc.StatusCode:
    """Returns the gRPC status code of an error."""
    if isinstance(error, errors.PeerFailed):
        return _BY_NUMBER.get(error.code, grpc.StatusCode.UNKNOWN)
    return CODES[error.reason]


def to_status(error: errors.VisageError, request_id: str = "") -> status_pb2.Status:
    """Packs an error with its google.rpc details; a peer's own status passes through unchanged."""
    if isinstance(error, errors.PeerFailed) and error.packed_status:
        return status_pb2.Status.FromString(error.packed_status)
    status = status_pb2.Status(code=code_of(error).value[0], message=shortened(error.message))
    for detail in _details(error, request_id):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def shortened(text: str) -> str:
    """Returns a text for people that is short enough for a status."""
    data = text.encode()
    return text if len(data) <= _TEXT_BYTES else f"{data[: _TEXT_BYTES - 3].decode(errors='ignore')}…"


def _details(error: errors.VisageError, request_id: str) -> list[message.Message]:
    details: list[message.Message] = [
        error_details_pb2.ErrorInfo(
            reason=error.reason,
            domain=DOMAIN,
            metadata={key: shortened(value) for key, value in error.metadata.items()},
        ),
        error_details_pb2.RequestInfo(request_id=request_id),
    ]
    if code_of(error) is grpc.StatusCode.INVALID_ARGUMENT:
        details.append(_bad_request(error))
    if error.retry_after_s is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=_duration(error.retry_after_s)))
    if isinstance(error, errors.ResourceNotFound | errors.ResourceExists):
        details.append(
            error_details_pb2.ResourceInfo(
                resource_type=f"{DOMAIN}/{error.metadata['kind'].capitalize()}",
                resource_name=shortened(error.metadata["name"]),
                description=shortened(error.message),
            )
        )
    return details


def _bad_request(error: errors.VisageError) -> error_details_pb2.BadRequest:
    pairs = error.violations if isinstance(error, errors.InvalidField) else [(error.field or "", error.message)]
    bad = error_details_pb2.BadRequest()
    for field, text in pairs:
        if bad.field_violations and bad.ByteSize() > _VIOLATIONS_BYTES:
            break
        bad.field_violations.add(field=shortened(field), description=shortened(text))
    return bad


def _duration(seconds: float) -> duration_pb2.Duration:
    whole = math.floor(seconds)
    return duration_pb2.Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))
