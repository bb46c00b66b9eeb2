"""A builder of identities that obeys a test."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import numpy as np

from visage.identity.create import BuiltIdentity, Stage
from visage.identity.embedding import normalised

AVATAR_BYTES = 2_500_000
"""Two whole chunks and a half."""


class ObedientBuilder:
    """Builds from any bytes at once, unless told to hold or to fail; the avatar repeats the photo's digest.

    Attributes:
        go: Cleared, a build waits here after it has begun.
        begun: Set when a build has begun.
        error: Raised by the next builds.
        running: Builds in progress.
    """

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None
        self.running = 0

    async def build(self, photo: bytes, field: str, uid: str, report: Callable[[Stage], None]) -> BuiltIdentity:
        self.running += 1
        try:
            report(Stage.BUILDING)
            self.begun.set()
            await self.go.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.running -= 1
        digest = hashlib.sha256(photo).digest()
        avatar = (digest * (AVATAR_BYTES // len(digest) + 1))[:AVATAR_BYTES]
        embedding = normalised(np.frombuffer(digest * 4, np.uint8).astype(np.float32) - 127)
        return BuiltIdentity(avatar, "test-layout", 512, 512, b"\x89PNG\r\n\x1a\n" + uid.encode(), embedding)
