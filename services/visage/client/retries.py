"""What is tried again when a service or a model is away: by gRPC at once, by the client with patience."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Final

from visage.client.errors import VisageError

REPEATABLE: Final[dict[str, tuple[str, ...]]] = {
    "visage.v1.IdentityService": (
        "CreateIdentity",
        "GetIdentity",
        "ListIdentities",
        "EmbedFace",
        "CompareFaces",
        "DetectLandmarks",
    ),
    "visage.v1.AssetService": ("GetAsset", "DeleteAsset"),
    "visage.v1.SpeechService": ("ListVoices", "GetVoice", "SynthesizeSpeech"),
    "visage.v1.AnimationService": ("ListCurveSchemas",),
    "visage.v1.RenderService": ("CreateRender",),
    "google.longrunning.Operations": ("GetOperation", "ListOperations", "WaitOperation"),
}
"""Unary methods that may be sent twice; the creating ones because each of our requests has an id of its own."""

_REQUESTS: Final = {f"{method}Request" for methods in REPEATABLE.values() for method in methods}
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0


def service_config() -> str:
    """Returns the gRPC service config: round robin over replicas, three attempts for what may be repeated."""
    names = [{"service": service, "method": method} for service, methods in REPEATABLE.items() for method in methods]
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


def is_repeatable(request: object) -> bool:
    """Whether a unary call with this message may be sent again."""
    return type(request).__name__ in _REQUESTS


class Patience:
    """How long one call goes on trying; `limit_s` counts from the last time that something came."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since_s: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    async def wait(self, error: VisageError) -> None:
        """Waits before the next attempt, as long as `error` asks for and longer each time; raises it at the end."""
        now_s = time.monotonic()
        self._since_s = now_s if self._since_s is None else self._since_s
        pause_s = max(self._pause_s * random.uniform(0.8, 1.2), error.retry_after_s or 0.0)
        if now_s + pause_s - self._since_s > self._limit_s:
            raise error
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        await asyncio.sleep(pause_s)

    def renew(self) -> None:
        """Starts over: something came."""
        self._since_s, self._pause_s = None, _FIRST_PAUSE_S
