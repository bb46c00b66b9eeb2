"""Field names in a peer's error, turned into those of the request that our own caller made."""

from __future__ import annotations

from collections.abc import Mapping

from google.rpc import error_details_pb2, status_pb2

from visage.runtime.errors import PeerFailed, VisageError


def rename_fields(error: VisageError, fields: Mapping[str, str]) -> VisageError:
    """Returns `error` with the fields it names renamed, in its details and at the start of its message.

    Args:
        error: What a peer's call ended with; only a `PeerFailed` names fields.
        fields: Path in the peer's request → path in ours; a path below a renamed one is renamed along.
    """
    if not isinstance(error, PeerFailed) or not error.packed_status:
        return error
    status = status_pb2.Status.FromString(error.packed_status)
    renamed = status_pb2.Status(code=status.code, message=_renamed_message(status.message, fields))
    for detail in status.details:
        packed = renamed.details.add()
        packed.CopyFrom(detail)
        if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest()
            detail.Unpack(request)
            for violation in request.field_violations:
                violation.field = rename(violation.field, fields)
            packed.Pack(request)
        elif detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            if "field" in info.metadata:
                info.metadata["field"] = rename(info.metadata["field"], fields)
            packed.Pack(info)
    return PeerFailed(error.metadata["peer"], error.code, renamed.message, renamed.SerializeToString())


def rename(path: str, fields: Mapping[str, str]) -> str:
    """Returns a field's path in our request; one that has no counterpart stays."""
    for theirs, ours in fields.items():
        if path == theirs or path.startswith((f"{theirs}.", f"{theirs}[")):
            return ours + path[len(theirs) :]
    return path


def _renamed_message(message: str, fields: Mapping[str, str]) -> str:
    path, colon, rest = message.partition(": ")
    return rename(path, fields) + colon + rest if colon else message
