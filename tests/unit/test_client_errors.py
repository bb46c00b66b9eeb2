"""Statuses become exceptions with attributes, and every service error has a status."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from visage.client import errors as client_errors
from visage.runtime import errors
from visage.runtime.status import CODES, code_of, to_status
from visage.v1 import errors_pb2

pytestmark = pytest.mark.unit

SAMPLES = [
    errors.InvalidField("scene.video.width", "must be even", limit=2),
    errors.StreamOutOfOrder("config", "audio"),
    errors.MediaUndecodable("photo", "truncated"),
    errors.MediaTooLarge("photo", "25 MP", "80 MP"),
    errors.FaceNotUsable("no_face", "no face found"),
    errors.ResourceNotFound("identity", "identities/anna"),
    errors.ResourceExists("identity", "identities/anna"),
    errors.ResourceNotReady("identity", "identities/anna", "CREATING"),
    errors.EtagMismatch("identity", "identities/anna"),
    errors.StreamTooLong("60 s", "61 s"),
    errors.Overloaded("full", 1.5),
    errors.ModelUnavailable("renderer"),
    errors.PeerUnavailable("speech", "connection refused"),
    errors.Draining(),
    errors.DeadlineExceeded(2.0),
    errors.ClientStalled(30.0),
    errors.ChecksumMismatch("aa", "bb"),
]


def _rpc_error(error: errors.VisageError) -> grpc.aio.AioRpcError:
    packed = to_status(error, "request-1").SerializeToString()
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", packed))
    return grpc.aio.AioRpcError(code_of(error), grpc.aio.Metadata(), trailing, error.message)


def test_every_reason_of_the_contract_has_a_code() -> None:
    """The proto's reasons and the table of codes are the same set."""
    reasons = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name} - {
        "UNSPECIFIED"
    }

    assert reasons == set(CODES)


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: error.reason)
def test_error_survives_the_wire(error: errors.VisageError) -> None:
    """Reason, metadata, request id and retry delay arrive in the client's exception."""
    received = client_errors.from_rpc(_rpc_error(error))

    assert received.reason == error.reason
    assert received.metadata == error.metadata
    assert received.request_id == "request-1"
    assert received.retry_after_s == error.retry_after_s
    assert not isinstance(received, client_errors.Failed)


def test_invalid_field_names_the_field_and_the_limit() -> None:
    """A broken rule carries the field's path in BadRequest and its limit in ErrorInfo."""
    received = client_errors.from_rpc(_rpc_error(SAMPLES[0]))

    assert received.fields == {"scene.video.width": "must be even"}
    assert received.metadata["limit"] == "2"


def test_not_found_carries_resource_info() -> None:
    """NOT_FOUND names type and name of what is missing."""
    status = to_status(SAMPLES[5])
    info = error_details_pb2.ResourceInfo()

    assert any(detail.Unpack(info) for detail in status.details)
    assert (info.resource_type, info.resource_name) == ("visage.internal/Identity", "identities/anna")


def test_peer_status_passes_through_unchanged() -> None:
    """What a peer refused reaches the caller with the peer's own details."""
    original = to_status(SAMPLES[4], "peer-request")
    passed = to_status(errors.PeerFailed("identity", 9, "no face found", original.SerializeToString()))

    assert passed == original
    assert isinstance(passed, status_pb2.Status)
