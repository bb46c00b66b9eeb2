"""What can go wrong, without a word of gRPC; `status` holds the one table that maps these to gRPC codes.

VisageError
├── InvalidField          a field of the request broke a documented rule
├── StreamOutOfOrder      messages of a stream came in the wrong order
├── MediaUndecodable      image or audio bytes cannot be decoded
├── MediaTooLarge         media is over a size limit
├── FaceNotUsable         the photo shows no face that can become an avatar
├── SpeechNotUsable       the recording serves neither as a voice sample nor for alignment
├── ResourceNotFound      no such identity, voice, asset, operation …
├── ResourceExists        the chosen id is taken
├── ResourceNotReady      the identity is still being created
├── EtagMismatch          the resource was changed meanwhile
├── StreamTooLong         a stream or clip is over its limit
├── Overloaded            come back later
├── ModelUnavailable      Triton does not serve a model now
├── PeerUnavailable       another service of the mesh does not answer
├── PeerFailed            another service refused; its status passes through
├── Draining              the server is shutting down
├── DeadlineExceeded      the time for the call is up
├── ClientStalled         the client left the stream idle
├── Cancelled             somebody cancelled the operation
├── RenderNotStarted      the cluster does not take a render's Job
├── RenderLost            a render's Job failed for good
└── ChecksumMismatch      uploaded bytes are not the announced ones
"""

from __future__ import annotations

from typing import ClassVar


class VisageError(Exception):
    """Base of every error that a caller may see.

    Attributes: `reason` is the name in `visage.v1.ErrorReason` without its prefix; `metadata` goes into
    `google.rpc.ErrorInfo`; `field` is the path of the field at fault; `retry_after_s` is set where waiting helps.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        metadata: dict[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.metadata = metadata or {}
        self.retry_after_s = retry_after_s


class InvalidField(VisageError):
    """A field of the request broke a documented rule; `limit` names the bound."""

    reason = "FIELD_INVALID"

    def __init__(self, field: str, message: str, limit: object = None) -> None:
        metadata = {"field": field} | ({} if limit is None else {"limit": str(limit)})
        super().__init__(f"{field}: {message}", field=field, metadata=metadata)
        self.violations: list[tuple[str, str]] = [(field, message)]

    @classmethod
    def of(cls, violations: list[tuple[str, str]]) -> InvalidField:
        """Returns one error for several (field, message) pairs; at least one."""
        error = cls(*violations[0])
        error.violations = violations
        return error


class StreamOutOfOrder(VisageError):
    """Messages of a stream came in the wrong order."""

    reason = "STREAM_OUT_OF_ORDER"

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}", field=got, metadata={"expected": expected, "got": got})


class MediaUndecodable(VisageError):
    """Image or audio bytes cannot be decoded, or their format is not supported."""

    reason = "MEDIA_UNDECODABLE"

    def __init__(self, field: str, cause: str) -> None:
        super().__init__(f"{field}: {cause}", field=field, metadata={"field": field, "cause": cause})


class MediaTooLarge(VisageError):
    """Media is over a size limit; limit and actual carry their units in the text."""

    reason = "MEDIA_TOO_LARGE"

    def __init__(self, field: str, limit: str, actual: str) -> None:
        super().__init__(
            f"{field}: {actual} is over the limit of {limit}",
            field=field,
            metadata={"field": field, "limit": limit, "actual": actual},
        )


class FaceNotUsable(VisageError):
    """The photo shows no face that can become an avatar.

    `cause` is one of those that `visage.v1.ErrorReason` lists; `measure`, `value` and `limit` say what was measured and
    what it had to keep to, where that is a number.
    """

    reason = "FACE_NOT_USABLE"

    def __init__(self, cause: str, message: str, *, measure: str = "", value: float = 0.0, limit: float = 0.0) -> None:
        measured = {"measure": measure, "value": f"{value:.4g}", "limit": f"{limit:g}", "score": "0"} if measure else {}
        super().__init__(message, metadata={"cause": cause} | measured)
        self.cause = cause


class SpeechNotUsable(VisageError):
    """The recording does not serve as a voice sample or for alignment; both values carry their units in the text.

    `cause` is one of no_speech, too_short, clipped, noisy, music, several_speakers, transcript_differs.
    """

    reason = "SPEECH_NOT_USABLE"

    def __init__(self, cause: str, message: str, measured: str, limit: str) -> None:
        super().__init__(message, metadata={"cause": cause, "measured": measured, "limit": limit})
        self.cause = cause


class ResourceNotFound(VisageError):
    """No such resource."""

    reason = "RESOURCE_NOT_FOUND"

    def __init__(self, kind: str, name: str, message: str | None = None) -> None:
        super().__init__(message or f"{kind} {name!r} does not exist", metadata={"kind": kind, "name": name})


class ResourceExists(VisageError):
    """The chosen id is taken."""

    reason = "RESOURCE_EXISTS"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} exists already", metadata={"kind": kind, "name": name})


class ResourceNotReady(VisageError):
    """The resource is still being created."""

    reason = "RESOURCE_NOT_READY"

    def __init__(self, kind: str, name: str, state: str) -> None:
        super().__init__(f"{kind} {name!r} is {state}", metadata={"kind": kind, "name": name, "state": state})


class EtagMismatch(VisageError):
    """The resource was changed since the caller read it."""

    reason = "ETAG_MISMATCH"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} was changed meanwhile", metadata={"kind": kind, "name": name})


class StreamTooLong(VisageError):
    """A stream or clip is over its limit; both values carry their units in the text."""

    reason = "STREAM_TOO_LONG"

    def __init__(self, limit: str, actual: str) -> None:
        super().__init__(f"{actual} is over the limit of {limit}", metadata={"limit": limit, "actual": actual})


class Overloaded(VisageError):
    """All places are taken; `retry_after_s` says when to come back."""

    reason = "OVERLOADED"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class ModelUnavailable(VisageError):
    """Triton does not serve a model now."""

    reason = "MODEL_UNAVAILABLE"

    def __init__(self, model: str, message: str | None = None, retry_after_s: float = 1.0) -> None:
        text = message or f"model {model} is not served now"
        super().__init__(text, metadata={"model": model}, retry_after_s=retry_after_s)


class PeerUnavailable(VisageError):
    """Another service of the mesh does not answer."""

    reason = "PEER_UNAVAILABLE"

    def __init__(self, peer: str, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(f"{peer}: {message}", metadata={"peer": peer}, retry_after_s=retry_after_s)


class PeerFailed(VisageError):
    """Another service refused the call; `code` and `packed_status` (google.rpc.Status) pass through."""

    def __init__(self, peer: str, code: int, message: str, packed_status: bytes | None) -> None:
        super().__init__(message, metadata={"peer": peer})
        self.code = code
        self.packed_status = packed_status


class Draining(VisageError):
    """The server is shutting down; another replica takes over."""

    reason = "DRAINING"

    def __init__(self) -> None:
        super().__init__("the server is shutting down", retry_after_s=1.0)


class DeadlineExceeded(VisageError):
    """The time for the call is up."""

    reason = "DEADLINE"

    def __init__(self, deadline_s: float) -> None:
        super().__init__(f"not done within {deadline_s:.3g} s", metadata={"deadline_s": f"{deadline_s:.3g}"})


class ClientStalled(VisageError):
    """The client left the stream idle for longer than the limit."""

    reason = "CLIENT_STALLED"

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"no message for {limit_s:g} s", metadata={"limit": f"{limit_s:g} s"})


class Cancelled(VisageError):
    """Somebody cancelled the operation."""

    reason = "CANCELLED"

    def __init__(self) -> None:
        super().__init__("the operation was cancelled")


class RenderNotStarted(VisageError):
    """The cluster does not take a render's Job; `status` is the API server's HTTP status."""

    reason = "RENDER_NOT_STARTED"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the render cannot be started: {message}", metadata={"http_status": str(status)})


class RenderLost(VisageError):
    """A render's Job failed for good; `cause` is the Job's own reason, such as BackoffLimitExceeded."""

    reason = "RENDER_LOST"

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(f"the render was given up: {message}", metadata={"cause": cause}, retry_after_s=60.0)


class ChecksumMismatch(VisageError):
    """Uploaded bytes are not the announced ones."""

    reason = "CHECKSUM_MISMATCH"

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}, got {actual}", metadata={"expected": expected, "actual": actual})


def leaves_of(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Returns the errors of a group, however deep the groups in it are nested."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += leaves_of(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
