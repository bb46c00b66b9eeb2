"""Channels to the other services: retries for what is safe to repeat, trace context, errors that pass through."""

from __future__ import annotations

import json
from typing import Final

import grpc
import grpc.aio
from opentelemetry import propagate

from visage.runtime import errors
from visage.runtime.renewing_channel import RenewingChannel
from visage.runtime.status import STATUS_KEY
from visage.runtime.tls import TlsFiles

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""gRPC's own default, stated: chunks are at most 1 MiB."""

IDEMPOTENT: Final[dict[str, tuple[str, ...]]] = {
    "visage.v1.IdentityService": (
        "GetIdentity",
        "ListIdentities",
        "EmbedFace",
        "CompareFaces",
        "DetectLandmarks",
    ),
    "visage.v1.AssetService": ("GetAsset",),
    "visage.v1.SpeechService": ("ListVoices", "GetVoice", "SynthesizeSpeech"),
    "visage.v1.AnimationService": ("ListCurveSchemas",),
}
"""Unary methods that may be sent again when a replica goes away."""


def service_config() -> str:
    """Returns the gRPC service config: round robin, 3 attempts for idempotent unary calls, throttled."""
    names = [{"service": service, "method": method} for service, methods in IDEMPOTENT.items() for method in methods]
    retry = {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        # A server that stops cancels calls that no handler has taken yet; a caller's own cancellation is final.
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [{"name": names, "retryPolicy": retry}],
            "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
        }
    )


def open_channel(address: str, tls: TlsFiles | None = None) -> grpc.aio.Channel:
    """Opens a channel to a service of the mesh, with TLS where there are files for it; the caller closes it.

    Raises:
        TlsFileProblem: The files cannot be used.
    """
    options = [
        ("grpc.service_config", service_config()),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    return RenewingChannel(
        tls, lambda content: grpc.aio.secure_channel(address, content.channel_credentials(), options=options)
    )


def translate(peer: str, error: grpc.aio.AioRpcError) -> errors.VisageError:
    """Returns what the caller of this service should see when a peer's call failed with `error`.

    A status with details was made by the peer on purpose and passes through; connection trouble becomes
    `PeerUnavailable`, an expired deadline `DeadlineExceeded`.
    """
    packed = next((value for key, value in error.trailing_metadata() or () if key == STATUS_KEY), None)
    message = error.details() or error.code().name
    if packed is not None:
        number = int(error.code().value[0])
        return errors.PeerFailed(peer, number, message, packed if isinstance(packed, bytes) else None)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded(0.0)
    return errors.PeerUnavailable(peer, message)


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """Returns the current trace context as call metadata; every call to a peer passes it on.

    A plain argument and no client interceptor: intercepted streams of grpc.aio buffer without bound and lose
    cancellation before the first message.
    """
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple(carrier.items())
